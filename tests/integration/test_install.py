"""libgregor as a packager installs it and as a program finds it."""

import os
import re
import subprocess
from pathlib import Path

import pytest

from harness.broker import ROOT

PROGRAM = Path(__file__).with_name("embedded.c")
WARNINGS = ("-Wall", "-Wextra", "-Wpedantic", "-Werror")

pytestmark = pytest.mark.release


def said(command, **options):
    """What the command prints; its complaint is the test's."""
    done = subprocess.run(command, capture_output=True, text=True, **options)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout


class Installed:
    """A staged installation, found by pkg-config from where it was staged."""

    def __init__(self, root):
        said(
            ["meson", "install", "-C", ROOT / "build", "--no-rebuild"]
            + ["--destdir", root]
        )
        (self.pc,) = root.rglob("gregor.pc")
        self.lib = self.pc.parents[1]
        self.prefix = next(root.rglob("gregor.h")).parents[1]

    def flags(self, *options):
        environment = {**os.environ, "PKG_CONFIG_PATH": str(self.pc.parent)}
        return said(["pkg-config", *options, "gregor"], env=environment).split()

    def run(self, program):
        environment = {**os.environ, "LD_LIBRARY_PATH": str(self.lib)}
        return said([program], env=environment, timeout=30).strip()


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    return Installed(tmp_path_factory.mktemp("root"))


def needed(program):
    """The shared libraries that it asks for itself."""
    return re.findall(r"\(NEEDED\).*\[(.*)\]", said(["readelf", "-d", program]))


def version():
    return said([ROOT / "build" / "gregor", "--version"]).split()[1]


def test_everything_that_a_program_needs_is_installed(installed):
    names = {path.name for path in installed.lib.iterdir()}
    assert {"libgregor.a", "libgregor.so", "libgregor.so.0", "pkgconfig"} <= names
    assert (installed.prefix / "include" / "gregor.h").exists()
    assert (installed.prefix / "bin" / "gregor").exists()
    assert installed.flags("--modversion") == [version()]


def test_the_shared_library_exports_its_api_and_nothing_else(installed):
    table = said(
        ["nm", "--dynamic", "--defined-only", installed.lib / "libgregor.so"]
    )
    exported = {line.split()[-1] for line in table.splitlines()}
    header = (installed.prefix / "include" / "gregor.h").read_text()
    declared = set(re.findall(r"GREGOR_API[^;]*?(gregor_\w+)\(", header))
    assert len(declared) >= 6
    assert exported == declared


def test_a_program_runs_with_the_shared_library(installed, tmp_path):
    flags = installed.flags("--cflags", "--libs")
    program = tmp_path / "shared"
    said(["cc", "-std=gnu99", *WARNINGS, PROGRAM, "-o", program, *flags])
    assert needed(program) == ["libgregor.so.0", "libc.so.6"]
    assert installed.run(program) == version()


def test_a_program_runs_with_the_static_library(installed, tmp_path):
    flags = installed.flags("--static", "--cflags", "--libs")
    flags = ["-l:libgregor.a" if flag == "-lgregor" else flag for flag in flags]
    program = tmp_path / "static"
    said(["cc", "-std=gnu99", *WARNINGS, PROGRAM, "-o", program, *flags])
    assert "libgregor.so.0" not in needed(program)
    assert installed.run(program) == version()


@pytest.mark.parametrize("standard", ["c++11", "c++20"])
def test_a_program_may_be_written_in_cplusplus(installed, tmp_path, standard):
    program = tmp_path / standard
    said(
        ["c++", f"-std={standard}", "-D_GNU_SOURCE", *WARNINGS, "-x", "c++", PROGRAM]
        + ["-x", "none", "-o", program, *installed.flags("--cflags", "--libs")]
    )
    assert installed.run(program) == version()
