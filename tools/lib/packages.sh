# shellcheck shell=bash
# Finds and installs what tools/packages.txt lists. Sourced; needs $root.
# Everything is said on stderr: stdout belongs to the program being run.

# package_present CHECK: whether what the check names is on this machine.
package_present() {
    local name=${1#*:}
    case $1 in
    cmd:*) command -v "$name" ;;
    pc:*) pkg-config --exists "$name" ;;
    h:*) echo "#include <$name>" | cc -E -x c - ;;
    py:*) python3 -c "import $name" ;;
    rt:*) compgen -G "$(clang -print-resource-dir)/lib/*/libclang_rt.$name*" ;;
    *) echo "tools/packages.txt: what is '$1'?" >&2; exit 2 ;;
    esac >/dev/null 2>&1
}

# packages_missing USE...: the packages of these uses that are not there.
packages_missing() {
    local use package check
    while read -r use package check; do
        [[ " $* " == *" $use "* ]] || continue
        package_present "$check" || echo "$package"
    done < <(grep -v '^#' "$root/tools/packages.txt")
}

# apt_install PACKAGE...: non-zero if apt-get or the right to use it is not here.
apt_install() {
    local sudo=()
    command -v apt-get >/dev/null || return 1
    if [[ $EUID -ne 0 ]]; then
        command -v sudo >/dev/null || return 1
        sudo=(sudo)
    fi
    local install=("${sudo[@]}" env DEBIAN_FRONTEND=noninteractive
        apt-get install -y -q --no-install-recommends "$@")
    echo "installing: $*" >&2
    # The lists of a bare machine are empty: fetch them when they do not do.
    "${install[@]}" >/dev/null 2>&1 ||
        { "${sudo[@]}" apt-get update -q >&2 && "${install[@]}" >&2; }
}

# packages_need USE...: installs what is missing; non-zero, and the names of what
# is missing in $missing, if that cannot be done.
packages_need() {
    mapfile -t missing < <(packages_missing "$@")
    [[ ${#missing[@]} -eq 0 ]] && return 0
    apt_install "${missing[@]}" || true
    mapfile -t missing < <(packages_missing "$@")
    [[ ${#missing[@]} -eq 0 ]]
}
