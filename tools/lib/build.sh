# shellcheck shell=bash
# The release build in build/, shared by run.sh and test.sh. Sourced; needs $root.

# What the binary is made of. A folder is newer than the build, too, when a file
# in it came or went.
sources=(meson.build meson_options.txt protocol config storage replication broker
    tools)

# release_is_fresh: whether build/gregor is as new as its sources. Asked at every
# start, so it costs one find and no ninja.
release_is_fresh() {
    local newer
    [[ -x $root/build/gregor && -e $root/build/.built ]] || return 1
    newer=$(cd "$root" &&
        find "${sources[@]}" -newer build/.built -print -quit 2>/dev/null) || return 1
    [[ -z $newer ]]
}

# release_build: builds build/gregor; the compiler's words are shown on failure.
release_build() (
    exec 9>"$root/.build-lock" && flock 9
    release_is_fresh && exit 0
    cd "$root"
    if [[ ! -e build/build.ninja ]]; then
        quietly meson setup build --buildtype=release -Dtests=disabled
    fi
    # Sources that change while the compiler runs are newer than this mark.
    touch build/.building
    quietly ninja -C build
    mv build/.building build/.built
)

# quietly COMMAND...: runs it, and shows what it said only if it failed.
quietly() {
    local said rc=0
    said=$("$@" 2>&1 </dev/null) || rc=$?
    if [[ $rc -ne 0 ]]; then
        printf '%s\n%s\n' "failed: $*" "$said" >&2
        exit 1
    fi
}
