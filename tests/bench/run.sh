#!/usr/bin/env bash
# Measures Gregor beside Apache Kafka: tests/bench/run.sh [--quick] [--help] ...
#
# Both run in turn on this machine with the same settings, the same disk and the
# same native client, several times over; one table of medians and ratios comes
# out, in Markdown. Without Java Gregor is measured alone. bench.py --help tells
# the options.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
cd "$root"
source tools/lib/packages.sh
source tools/lib/build.sh
source tools/lib/python.sh

packages_need build test || { echo "please install ${missing[*]}" >&2; exit 2; }
packages_need java || echo "without ${missing[*]}: Gregor alone" >&2
python_environment || exit 2
release_build

mkdir -p .cache
client=.cache/bench_client
for source in tests/bench/*.[ch]; do
    [[ $source -nt $client ]] || continue
    # shellcheck disable=SC2046 # options are words
    quietly cc -std=gnu17 -O2 -Wall -Wextra -Wshadow -Wmissing-prototypes -Werror \
        -D_GNU_SOURCE -I. tests/bench/*.c -o "$client" \
        $(pkg-config --cflags --libs rdkafka)
    break
done
exec env PYTHONPATH=tests .venv/bin/python tests/bench/bench.py "$@"
