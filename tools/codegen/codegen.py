#!/usr/bin/env python3
"""Turns protocol/schemas into the C that the build compiles.

usage: codegen.py SCHEMA_DIR OUTPUT_DIR

Writes messages.h and message_tables.c, kafka_error.[hc], api_keys.[hc].
"""

import pathlib
import sys

import emit_enums
import emit_header
import emit_tables
from model import Model
from schema import SchemaError, parse_file

SCHEMAS = ("api", "data", "coordinator-records", "metadata-records")


def generate(schemas):
    """Returns the files as a dict of name to text."""
    messages = [m for name in SCHEMAS for m in parse_file(schemas / f"{name}.schema")]
    model = Model(messages)
    files = {"messages.h": emit_header.emit(model),
             "message_tables.c": emit_tables.emit(model)}
    files["kafka_error.h"], files["kafka_error.c"] = emit_enums.errors(
        schemas / "errors.tsv")
    files["api_keys.h"], files["api_keys.c"] = emit_enums.api_keys(
        messages, schemas / "api-versions.tsv")
    return files


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    try:
        files = generate(pathlib.Path(sys.argv[1]))
    except SchemaError as e:
        sys.exit(f"codegen: {e}")
    for name, text in files.items():
        (pathlib.Path(sys.argv[2]) / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
