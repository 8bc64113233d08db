#!/usr/bin/env bash
# Static analysis: tools/lint.sh cppcheck|clang-tidy BUILD_DIR
#
# The build directory must be set up, for its list of compile commands. Which
# checks clang-tidy makes is in .clang-tidy.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
build=$2
folders='(protocol|config|storage|replication|broker)'

case $1 in
cppcheck)
    mkdir -p .cache/cppcheck
    cppcheck --quiet --error-exitcode=1 --inline-suppr -j "$(nproc)" \
        --project="$build/compile_commands.json" --cppcheck-build-dir=.cache/cppcheck \
        --file-filter="$root/*" --suppressions-list=tools/cppcheck.suppressions \
        --enable=warning,performance,portability
    ;;
clang-tidy)
    git ls-files '*.c' | grep -E "^$folders/" |
        xargs -r -n 4 -P "$(nproc)" clang-tidy --quiet -p "$build" 2>&1 |
        grep -v -E '^[0-9]+ warnings? generated|^$' || status=("${PIPESTATUS[@]}")
    exit "${status[1]:-0}"
    ;;
esac
