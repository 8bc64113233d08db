"""How the schemas' CamelCase names are spelled in C and in JSON."""

import re

C_KEYWORDS = frozenset(
    "auto break case char const continue default do double else enum extern "
    "float for goto if inline int long register restrict return short signed "
    "sizeof static struct switch typedef union unsigned void volatile while "
    "bool true false".split())


def snake(name):
    """MaxWaitMs -> max_wait_ms, KRaftVersion -> kraft_version."""
    name = name.replace("KRaft", "Kraft")
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name)
    name = re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name).lower()
    return name + "_" if name in C_KEYWORDS else name


def upper(name):
    """FetchTopic -> FETCH_TOPIC."""
    return snake(name).upper()


def json_key(name):
    """MaxWaitMs -> maxWaitMs, as Kafka's JsonConverter has it."""
    return name[:1].lower() + name[1:]
