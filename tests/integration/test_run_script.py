"""tools/run.sh, on machines that have less than this one."""

import os
import shutil
import subprocess
import time

import pytest

from harness.broker import ROOT

SHELL = "bash dirname find grep flock touch mv env cat printf".split()


@pytest.fixture
def bare_clone(tmp_path):
    """The tree without a build, and a PATH that has a shell but no compiler and
    no apt-get."""
    clone = tmp_path / "gregor"
    clone.mkdir()
    for name in ("meson.build", "protocol", "config", "storage", "replication"):
        (clone / name).symlink_to(ROOT / name)
    shutil.copytree(ROOT / "tools", clone / "tools")
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in SHELL:
        (tools / name).symlink_to(shutil.which(name))
    return clone, {**os.environ, "PATH": str(tools)}


def test_without_apt_it_names_what_is_missing_and_exits_2(bare_clone):
    clone, environment = bare_clone
    done = subprocess.run(
        [clone / "tools" / "run.sh"],
        env=environment,
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    for package in ("gcc", "meson", "ninja-build", "libuv1-dev", "libzstd-dev"):
        assert package in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (clone / "build").exists()


@pytest.mark.release
def test_with_a_build_it_starts_at_once():
    subprocess.run([ROOT / "tools" / "run.sh", "--version"], check=True)
    took = []
    for _ in range(5):
        began = time.monotonic()
        done = subprocess.run(
            [ROOT / "tools" / "run.sh", "--version"], capture_output=True, text=True
        )
        took.append(time.monotonic() - began)
        assert done.stdout.startswith("gregor ") and done.stderr == ""
    assert min(took) < 0.05
