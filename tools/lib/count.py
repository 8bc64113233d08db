#!/usr/bin/env python3
"""Counts test results: count.py check|junit FILE, prints PASSED FAILED SKIPPED.

check: Meson's testlog.json. A Check program counts as many tests as it says it
ran; any other program counts as one, and so does a crash or a time-out on top
of what was said before it. junit: pytest's --junitxml.
"""

import json
import re
import sys
import xml.etree.ElementTree as ElementTree

CHECKED = re.compile(r"^\d+%: Checks: (\d+), Failures: (\d+), Errors: (\d+)", re.M)


def count_check(path):
    passed = failed = skipped = 0
    with open(path) as log:
        for line in log:
            test = json.loads(line)
            suites = CHECKED.findall(test.get("stdout") or "")
            bad = sum(int(fails) + int(errors) for _, fails, errors in suites)
            ran = sum(int(checks) for checks, _, _ in suites)
            if test["result"] == "SKIP":
                skipped += 1
            elif test["result"] in ("OK", "EXPECTEDFAIL"):
                passed += ran or 1
            else:
                passed += ran - bad
                failed += bad or 1
    return passed, failed, skipped


def count_junit(path):
    passed = failed = skipped = 0
    for suite in ElementTree.parse(path).iter("testsuite"):
        bad = int(suite.get("failures")) + int(suite.get("errors"))
        left_out = int(suite.get("skipped"))
        # An error while a passed test is torn down is counted as its failure.
        passed += max(0, int(suite.get("tests")) - bad - left_out)
        failed += bad
        skipped += left_out
    return passed, failed, skipped


def main():
    counters = {"check": count_check, "junit": count_junit}
    try:
        print(*counters[sys.argv[1]](sys.argv[2]))
    except (OSError, ValueError, ElementTree.ParseError) as error:
        print(f"count.py: {error}", file=sys.stderr)
        print(0, 1, 0)  # no readable result is a failure


main()
