# shellcheck shell=bash
# The suites of tools/test.sh. Sourced; needs $root, packages.sh, build.sh.
#
# suite_NAME runs one and leaves its result in $passed, $failed and $skipped, or
# calls `skip REASON`. It may fail early by returning non-zero: that is counted
# as one failure.

results=$root/.cache/results
sanitizer_options=(--buildtype=debugoptimized -Dtests=enabled)

# run_suite NAME: runs it, says how it went and adds it to the totals.
run_suite() {
    local suite=$1 began=$SECONDS reason=
    local passed=0 failed=0 skipped=0
    mkdir -p "$results"
    echo "== $suite"
    "suite_$suite" || failed=$((failed > 0 ? failed : 1))
    if [[ -n $reason ]]; then
        echo "SKIP $suite: $reason"
        if [[ ${CI:-} == true ]]; then failed=$((failed + 1)); else skipped=$((skipped + 1)); fi
    elif [[ $passed -eq 0 && $failed -eq 0 ]]; then
        echo "$suite ran no test"
        failed=1
    fi
    echo "-- $suite: $passed passed, $failed failed, $skipped skipped" \
        "($((SECONDS - began)) s)"
    total_passed=$((total_passed + passed))
    total_failed=$((total_failed + failed))
    total_skipped=$((total_skipped + skipped))
}

# skip REASON: what a suite says when its client cannot be had.
skip() {
    reason=$1
}

# needs USE...: installs what tools/packages.txt lists; skips the suite if it
# cannot: `needs java || return 0`.
needs() {
    packages_need "$@" && return 0
    skip "cannot install ${missing[*]}"
    return 1
}

# count KIND FILE: adds the results in a file to this suite's.
count() {
    local p f s
    read -r p f s < <(python3 "$root/tools/lib/count.py" "$1" "$2")
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    # With CI=true nothing may be left out quietly, single tests neither.
    if [[ ${CI:-} == true && $s -gt 0 ]]; then
        failed=$((failed + s)) skipped=$((skipped - s))
    fi
}

# outcome NAME COMMAND...: one test that is one command.
outcome() {
    local name=$1
    shift
    if "$@"; then
        passed=$((passed + 1))
    else
        echo "FAILED $name"
        failed=$((failed + 1))
    fi
}

# -- builds --------------------------------------------------------------------

# build_dir DIR OPTION...: sets up a build directory once and builds it.
build_dir() (
    local dir=$1
    shift
    [[ -e $dir/build.ninja ]] || quietly meson setup "$dir" "$@"
    quietly ninja -C "$dir"
)

build_asan() {
    needs build test || return 1
    build_dir build-asan "${sanitizer_options[@]}" -Db_lundef=false \
        -Db_sanitize=address,undefined
}

build_tsan() {
    needs build test || return 1
    build_dir build-tsan "${sanitizer_options[@]}" -Db_lundef=false \
        -Db_sanitize=thread
}

build_release() {
    needs build && release_build
}

# -- C -------------------------------------------------------------------------

# A report of a sanitizer ends the process, so that it cannot be overlooked.
export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:abort_on_error=0
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1

# meson_test DIR [OPTION...]: runs the programs and counts their tests.
meson_test() {
    local dir=$1
    shift
    rm -f "$dir"/meson-logs/testlog*.json
    meson test -C "$dir" --no-rebuild --print-errorlogs "$@" >"$results/meson.txt" 2>&1 ||
        grep -v '^ *[0-9]*/[0-9]* .* OK ' "$results/meson.txt"
    cat "$dir"/meson-logs/testlog*.json >"$results/meson.json" 2>/dev/null
    count check "$results/meson.json"
}

suite_unit() {
    build_asan || return
    meson_test build-asan
}

suite_threads() {
    build_tsan || return
    meson_test build-tsan
    python_suite tests/integration --binary build-tsan/gregor
    # Load, so that loop and pool meet: validation, flushes, recovery.
    KILL_ROUNDS=10 python_suite tests/fault --binary build-tsan/gregor
}

suite_fuzz() {
    needs build test fuzz || return 0
    # The whole tree, so that clang's warnings are heard, too.
    CC=clang CXX=clang++ build_dir build-fuzz "${sanitizer_options[@]}" \
        -Db_lundef=false -Dfuzz=enabled || return
    FUZZ_SECONDS=${FUZZ_SECONDS:-8} meson_test build-fuzz --suite fuzz
}

suite_format() {
    needs format || return 0
    mapfile -t files < <(find "${sources[@]}" tests -name '*.[ch]' -o -name '*.cc')
    [[ ${#files[@]} -gt 0 ]] || return
    outcome clang-format clang-format --dry-run -Werror "${files[@]}"
}

suite_lint() {
    needs build test lint || return 0
    build_asan || return
    outcome clang-tidy tools/lint.sh build-asan
}

suite_structure() {
    needs build check || return 0
    build_release || return
    outcome "no mutable state at file scope" tools/check_state build
}

# -- Python ----------------------------------------------------------------------

# python_ready: skips the suite if the modules cannot be had.
python_ready() {
    python_environment && return 0
    skip "the Python packages of tests/requirements.txt cannot be installed"
    return 1
}

# python_suite PATH [--binary BINARY] [PYTEST OPTION...]
python_suite() {
    local path=$1 binary=build/gregor
    shift
    if [[ ${1:-} == --binary ]]; then
        binary=$2
        shift 2
    fi
    python_ready || return 0
    local xml=$results/pytest.xml
    rm -f "$xml"
    GREGOR=$root/$binary .venv/bin/python -m pytest -c tests/pytest.ini -q \
        --junitxml="$xml" "$path" "$@" >"$results/pytest.txt" 2>&1 ||
        cat "$results/pytest.txt"
    count junit "$xml"
}

suite_integration() {
    build_asan || return
    python_suite tests/integration --binary build-asan/gregor
    # What a user feels is asserted of what a user runs.
    build_release || return
    python_suite tests/integration -m release
}

suite_kcat() {
    needs kcat || return 0
    build_release || return
    python_suite tests/interop/test_kcat.py
}

suite_confluent() {
    build_release || return
    python_suite tests/interop/test_confluent.py
}

# kafka_ready: skips the suite if Apache Kafka cannot be run here.
kafka_ready() {
    needs java || return 1
    python_ready || return 1
    PYTHONPATH=tests .venv/bin/python -c "$kafka_available" && return 0
    skip "Apache Kafka's libraries cannot be had from Maven Central"
    return 1
}

suite_kafka() {
    kafka_ready || return 0
    build_release || return
    python_suite tests/interop/test_kafka_tools.py
    python_suite tests/interop/test_dump_log.py
    python_suite tests/interop/test_both_ways.py
    python_suite tests/interop/test_group_handover.py
    python_suite tests/interop/test_compaction.py
}

suite_same() {
    kafka_ready || return 0
    build_release || return
    python_suite tests/interop/test_same_*.py
}
kafka_available='
import sys
from harness import kafka
why = kafka.available()
sys.exit(why)'

# Each test of a client that is not here says so; the others run.
suite_groups() {
    local client
    for client in java node go; do
        packages_need "$client" || echo "cannot install ${missing[*]}"
    done
    build_release || return
    python_suite tests/interop/test_group_*.py
}

# Each test of a client that is not here says so; the others run.
suite_old() {
    packages_need kcat java || echo "cannot install ${missing[*]}"
    python_ready || return 0
    build_release || return
    python_suite tests/interop/test_old_clients.py
    python_suite tests/interop/test_old_same.py
}

suite_readme() {
    needs kcat java || return 0
    build_release || return
    python_suite tests/interop/test_readme.py
}

suite_kill() {
    build_release || return
    python_suite tests/fault
}

suite_bench() {
    needs build test || return 0
    build_release || return
    python_ready || return 0
    outcome "tests/bench/run.sh --quick" bench_quick
}

bench_quick() {
    tests/bench/run.sh --quick >"$results/bench.txt" 2>&1 && return 0
    cat "$results/bench.txt"
    return 1
}
