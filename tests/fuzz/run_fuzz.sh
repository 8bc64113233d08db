#!/bin/sh
# Runs one fuzz target for a short while, as a test.
#
#   run_fuzz.sh TARGET CORPUS [SEEDS]
#
# CORPUS is kept between runs. SEEDS is a program that fills a folder with
# seeds, or a folder of them. FUZZ_SECONDS is how long (10).
set -eu
target=$1
corpus=$2
seeds=${3:-}

mkdir -p "$corpus"
if [ -n "$seeds" ] && [ ! -d "$seeds" ]; then
    "$seeds" "$corpus.seeds"
    seeds=$corpus.seeds
fi
exec "$target" -max_total_time="${FUZZ_SECONDS:-10}" -rss_limit_mb=1024 -timeout=10 \
    -artifact_prefix="$corpus.crash-" -print_final_stats=1 "$corpus" ${seeds:+"$seeds"}
