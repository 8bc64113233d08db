#!/usr/bin/env bash
# Runs the tests: tools/test.sh [SUITE...], all of them by default.
#
#   unit         Check programs and golden vectors, under ASan and UBSan
#   threads      the same programs, the binary spoken to byte by byte and killed
#                under load, all under TSan
#   integration  the binary under ASan and UBSan, spoken to byte by byte
#   kcat         kcat
#   confluent    confluent-kafka
#   kafka        Apache Kafka's command-line tools, its dump tool on our files, one
#                directory handed to and fro
#   same         one question to Apache Kafka and to Gregor, the answers compared
#   groups       consumer groups: confluent-kafka, kafka-python, kafkajs, franz-go,
#                sarama, Apache Kafka's tools
#   old          clients of before Kafka 0.11 and of after; what they ask, compared with
#                Apache Kafka 3.9.1, the last that answers them
#   readme       every command of README.md
#   kill         kill -9 under load, fifty times; thirty times among groups
#   bench        a short run of each benchmark: that it runs, not how fast
#   fuzz         each fuzz target for some seconds, from its corpus
#   format       clang-format
#   lint         clang-tidy
#   structure    no mutable state at file scope
#
# Installs the Debian packages and Python modules that the suites need. A suite
# that cannot run here prints SKIP and is counted as skipped; with CI=true that
# is a failure. The last line is "N passed, N failed, N skipped".
set -uo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root" || exit 1
source tools/lib/packages.sh
source tools/lib/build.sh
source tools/lib/python.sh
source tools/lib/suites.sh

all=(format structure unit threads integration kcat confluent kafka groups
    same old readme kill bench fuzz lint)
chosen=("$@")
[[ $# -eq 0 ]] && chosen=("${all[@]}")
for suite in "${chosen[@]}"; do
    if [[ " ${all[*]} " != *" $suite "* ]]; then
        echo "test.sh: no suite '$suite'; there are: ${all[*]}" >&2
        exit 2
    fi
done

exec </dev/null
total_passed=0 total_failed=0 total_skipped=0
for suite in "${chosen[@]}"; do
    run_suite "$suite"
done
echo "$total_passed passed, $total_failed failed, $total_skipped skipped"
[[ $total_failed -eq 0 ]]
