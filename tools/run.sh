#!/usr/bin/env bash
# Starts the broker: tools/run.sh [gregor options]
#
# Installs the Debian packages that are missing and builds build/gregor first,
# where that is still to be done. On other systems it names what is missing.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
source "$root/tools/lib/packages.sh"
source "$root/tools/lib/build.sh"

if ! release_is_fresh; then
    if ! packages_need build; then
        echo "gregor cannot be built: please install ${missing[*]}" >&2
        exit 2
    fi
    echo "building gregor" >&2
    release_build
fi
exec "$root/build/gregor" "$@"
