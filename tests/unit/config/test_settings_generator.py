#!/usr/bin/env python3
"""The generator takes the real tables and stops at what it does not understand.

    test_settings_generator.py SETTINGS_PY CONFIG_DIR
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

generator, config_dir = sys.argv[1:]

# What is changed in which file, and a part of the complaint.
CASES = [
    ("topic.tsv", "[1048576,...]", "[1048576...]", "segment.bytes: valid values"),
    ("topic.tsv", "[compact, delete]", "compact or delete", "cleanup.policy: valid"),
    ("topic.tsv", "BOOLEAN", "BOOL", "unknown type BOOL"),
    ("broker.tsv", "\tHIGH", "\tHUGE", "unknown importance HUGE"),
    ("broker.tsv", "\nbroker.rack\t", "\nbroker.id\t", "broker.id is listed twice"),
    ("broker-traits.tsv", "per-broker", "per-node", "unknown update mode per-node"),
    ("broker-traits.tsv", "refused", "no", "empty must be blank or refused"),
    ("broker-traits.tsv", "dev=clamp", "dev=", "profile must be"),
    ("broker-traits.tsv", "\nlisteners\t", "\nlistener\t", "do not exist: listener"),
]


def run(folder):
    return subprocess.run([sys.executable, generator, f"{folder}/out.c", folder],
                          capture_output=True, text=True, check=False)


def main():
    failed = 0
    for name, old, new, complaint in [("topic.tsv", "", "", None)] + CASES:
        with tempfile.TemporaryDirectory() as folder:
            for table in Path(config_dir).glob("*.tsv"):
                shutil.copy(table, folder)
            table = Path(folder, name)
            text = table.read_text(encoding="ascii")
            assert old in text, f"{name} holds no {old!r}"
            table.write_text(text.replace(old, new, 1), encoding="ascii")
            result = run(folder)
        good = (result.returncode == 0 if complaint is None else
                result.returncode == 1 and complaint in result.stderr)
        if not good:
            failed += 1
            print(f"{name} {old!r} -> {new!r}: {result.returncode} {result.stderr}")
    sys.exit(failed != 0)


main()
