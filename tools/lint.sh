#!/usr/bin/env bash
# Static analysis with clang-tidy: tools/lint.sh BUILD_DIR
#
# The build directory must be set up, for its list of compile commands, and
# built, for the generated headers. .clang-tidy says which checks are made.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$root"
said=$(mktemp)
trap 'rm -f "$said"' EXIT

# gcc made the list: it names warnings that clang does not know.
find protocol config storage replication broker tools -name '*.c' -o -name '*.cc' |
    xargs -r -n 4 -P "$(nproc)" clang-tidy --quiet -p "$1" \
        --extra-arg=-Wno-unknown-warning-option >"$said" 2>/dev/null || {
    cat "$said"
    exit 1
}
