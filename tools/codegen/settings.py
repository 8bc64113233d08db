#!/usr/bin/env python3
"""Turns config/*.tsv into the C tables behind config/setting.h.

    settings.py OUT.c CONFIG_DIR

The prose that Kafka prints as "valid values" is parsed here into the checked
forms of enum setting_check. A form this file does not understand stops the
build: better now than a setting that silently accepts anything.
"""

import csv
import re
import sys

TYPES = {"BOOLEAN", "INT", "LONG", "SHORT", "DOUBLE",
         "STRING", "LIST", "PASSWORD", "CLASS"}
IMPORTANCES = {"HIGH", "MEDIUM", "LOW"}
UPDATES = {"": "READ_ONLY", "per-listener": "PER_LISTENER",
           "per-broker": "PER_BROKER", "cluster-wide": "CLUSTER_WIDE"}

NUMBER = r"-?[0-9]+(?:\.[0-9]+)?"
RANGE = re.compile(rf"\[({NUMBER}),\.\.\.(?:,({NUMBER}))?\](?: or ({NUMBER}))?")
WORDS = re.compile(r"(\(case insensitive\) )?\[([A-Za-z0-9_]+(?:, [A-Za-z0-9_]+)*)\]")

# Sentences that stand for a check of their own.
SPECIAL = {
    "non-empty string": "NON_EMPTY",
    "non-null string": "NON_NULL",
    # Says "non-empty", yet empty is its default: the other of the two quorum
    # settings may be the one in use.
    ("controller.quorum.voters", "non-empty list"): "VOTERS",
    ("controller.quorum.bootstrap.servers", "non-empty list"): "HOST_PORTS",
    "[partitionId]:[brokerId],[partitionId]:[brokerId],...": "THROTTLED_REPLICAS",
    "[latest, earliest, by_duration:PnDTnHnMn.nS]": "OFFSET_RESET",
}


class Bad(Exception):
    pass


def rows(path):
    with open(path, encoding="ascii", newline="") as lines:
        return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE,
                                   strict=True))


def quoted(text):
    if text is None:
        return "NULL"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def strings(words):
    return "(const char *const[]){%s, NULL}" % ", ".join(map(quoted, words))


def check_of(name, kind, valid):
    """The C initialisers for what `valid` asks of a value."""
    if valid == "":
        return [".check = SETTING_CHECK_NONE"]
    special = SPECIAL.get((name, valid)) or SPECIAL.get(valid)
    if special is not None:
        return [f".check = SETTING_CHECK_{special}"]
    match = RANGE.fullmatch(valid)
    if match and kind in {"INT", "LONG", "SHORT", "DOUBLE"}:
        low, high, other = match.groups()
        check = [".check = SETTING_CHECK_RANGE", f".min = {low}",
                 f".max = {high or 'INFINITY'}"]
        if other is not None:
            check += [".has_other = true", f".other = {other}"]
        return check
    match = WORDS.fullmatch(valid)
    if match and kind in {"STRING", "LIST"}:
        form = "ONE_OF_ANY_CASE" if match.group(1) else "ONE_OF"
        return [f".check = SETTING_CHECK_{form}",
                f".words = {strings(match.group(2).split(', '))}"]
    raise Bad(f"{name}: valid values of a form not known: {valid}")


def profile_of(name, text):
    if text == "":
        return []
    which, _, value = text.partition("=")
    if which == "dev" and value == "clamp":
        return [".dev_clamp = true"]
    if which in ("dev", "all") and value:
        return [f".{which}_value = {quoted(value)}"]
    raise Bad(f"{name}: profile must be dev=VALUE, dev=clamp or all=VALUE: {text}")


def setting(row, traits, internal):
    name, kind = row["name"], row["type"]
    if kind not in TYPES:
        raise Bad(f"{name}: unknown type {kind}")
    if row["importance"] not in IMPORTANCES:
        raise Bad(f"{name}: unknown importance {row['importance']}")

    fields = [f".name = {quoted(name)}", f".type = SETTING_{kind}",
              f".importance = SETTING_{row['importance']}"]
    default = row["default"]
    if default == "(required)":
        fields.append(".required = true")
    elif default != "(null)":
        if kind == "CLASS":
            default = default.removeprefix("class ")
        fields.append(f".default_value = {quoted(default)}")
    fields.append(f".valid = {quoted(row['valid'])}")
    fields += check_of(name, kind, row["valid"])
    if internal:
        fields.append(".internal = true")

    chain = [s for s in row.get("server_default", "").split(",") if s]
    if chain:
        fields.append(f".server_defaults = {strings(chain)}")
    trait = traits.pop(name, None)
    if trait is not None:
        if trait["update"] not in UPDATES:
            raise Bad(f"{name}: unknown update mode {trait['update']}")
        fields.append(f".update = SETTING_{UPDATES[trait['update']]}")
        if trait["empty"] not in ("", "refused"):
            raise Bad(f"{name}: empty must be blank or refused")
        if trait["empty"]:
            fields.append(".no_empty_list = true")
        fields += profile_of(name, trait["profile"])
    return name, "    {" + ",\n     ".join(fields) + "},\n"


def table(symbol, *sources, traits=None):
    items = {}
    for path, internal in sources:
        for row in rows(path):
            name, text = setting(row, traits if traits is not None else {}, internal)
            if name in items:
                raise Bad(f"{path}: {name} is listed twice")
            items[name] = text
    if traits:
        raise Bad(f"traits of settings that do not exist: {', '.join(traits)}")
    # setting_find bisects with strcmp: order by bytes, whatever the files do.
    body = "".join(items[name] for name in sorted(items))
    return (f"static const struct setting {symbol}_items[] = {{\n{body}}};\n\n"
            f"const struct setting_table {symbol} = "
            f"{{{symbol}_items, {len(items)}}};\n\n")


def main():
    out, folder = sys.argv[1:]
    traits = {row["name"]: row for row in rows(f"{folder}/broker-traits.tsv")}
    text = '#include "config/setting.h"\n\n#include <math.h>\n\n'
    text += table("broker_settings", (f"{folder}/broker.tsv", False),
                  (f"{folder}/broker-internal.tsv", True), traits=traits)
    text += table("topic_settings", (f"{folder}/topic.tsv", False))
    text += table("group_settings", (f"{folder}/group.tsv", False))
    text += table("client_metrics_settings", (f"{folder}/client-metrics.tsv", False))
    with open(out, "w", encoding="ascii") as file:
        file.write(text)


if __name__ == "__main__":
    try:
        main()
    except Bad as reason:
        sys.exit(f"settings.py: {reason}")
