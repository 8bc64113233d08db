# shellcheck shell=bash
# The tests' Python environment, .venv/. Sourced; needs $root, packages.sh.

# python_environment: makes it as tests/requirements.txt has it, anew when that
# has changed. Non-zero, and a sentence, if it cannot.
python_environment() {
    local wanted=$root/tests/requirements.txt log=$root/.cache/pip.txt
    if ! packages_need python; then
        echo "cannot install ${missing[*]}" >&2
        return 1
    fi
    cmp -s "$wanted" "$root/.venv/requirements.txt" && return 0
    mkdir -p "$root/.cache"
    rm -rf "$root/.venv"
    if python3 -m venv "$root/.venv" >"$log" 2>&1 &&
        "$root/.venv/bin/pip" install --disable-pip-version-check -q \
            -r "$wanted" >>"$log" 2>&1; then
        cp "$wanted" "$root/.venv/"
        return 0
    fi
    tail -n 3 "$log" >&2
    echo "cannot install the Python packages of tests/requirements.txt" >&2
    return 1
}
