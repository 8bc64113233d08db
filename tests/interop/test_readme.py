"""Every command of README.md, run as it stands there.

A block that begins with ```sh is a script for bash, run in the order of the page
in one folder that looks like a fresh clone. One whose first line starts with
tools/run.sh or kafka-server-start.sh is a broker: once it is ready it is left
running until the next such block, or one that begins with build/gregor graduate and
wants it stopped, or the end. Kafka's scripts are on the PATH under
their own names. Blocks marked otherwise (```text, ```c) are not commands.
"""

import os
import re
import signal
import socket
import subprocess
import time

import pytest

from harness import kafka
from harness.broker import ROOT

README = ROOT / "README.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
SECONDS = 100
BROKERS = ("tools/run.sh", "kafka-server-start.sh")
WANTS_NO_BROKER = "build/gregor graduate"
KAFKA = ("127.0.0.1", 9092)


def clone(folder):
    """What git would put there, and the build, so as not to build it again."""
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    folder.mkdir()
    for name in sorted({path.split("/")[0] for path in tracked} | {"build"}):
        (folder / name).symlink_to(ROOT / name)


def kafka_scripts(folder):
    """kafka-topics.sh and its like, as in a download of Apache Kafka."""
    folder.mkdir()
    for name in kafka.TOOLS:
        script = folder / f"{name}.sh"
        words = " ".join(f"'{word}'" for word in kafka.command(name))
        script.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        script.chmod(0o755)


def wait_for_port(process):
    """Kafka says nothing that tells when it is ready: its port does."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, "Kafka has ended"
        with socket.socket() as probe:
            if probe.connect_ex(KAFKA) == 0:
                return
        time.sleep(0.05)
    raise AssertionError("Kafka is not ready")


class Page:
    """The blocks as they are run, with the broker that is up."""

    def __init__(self, folder, scripts):
        self.folder = folder
        self.environment = {**os.environ, "PATH": f"{scripts}:{os.environ['PATH']}"}
        self.broker = None

    def run(self, block):
        if block.startswith(BROKERS):
            self.start_broker(block)
            return
        if block.startswith(WANTS_NO_BROKER):
            self.stop_broker()
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
        )
        print(f"$ {block}{done.stdout}")
        assert done.returncode == 0, f"{block}\nended with {done.returncode}"

    def start_broker(self, block):
        self.stop_broker()
        # exec: the process to end is then the broker itself.
        self.broker = subprocess.Popen(
            ["bash", "-c", f"exec {block.strip()}"],
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        if block.startswith("tools/run.sh"):
            line = self.broker.stdout.readline()
            assert line.startswith("gregor ready "), f"{block}\nsaid {line!r}"
        else:
            wait_for_port(self.broker)

    def stop_broker(self):
        if self.broker is not None:
            self.broker.terminate()
            code = self.broker.wait(SECONDS)
            self.broker.stdout.close()
            self.broker = None
            assert code in (0, 128 + signal.SIGTERM)  # the latter is Java's


@pytest.mark.timeout(600)
def test_every_command_of_the_readme_works(tmp_path):
    blocks = BLOCK.findall(README.read_text())
    assert blocks, "README.md shows no commands"
    clone(tmp_path / "gregor")
    kafka_scripts(tmp_path / "bin")
    page = Page(tmp_path / "gregor", tmp_path / "bin")
    try:
        for block in blocks:
            page.run(block)
    finally:
        page.stop_broker()


@pytest.mark.parametrize("command", [[], ["dump-log"], ["inspect"], ["graduate"]])
def test_the_readme_names_every_option(command):
    helped = subprocess.run(
        [ROOT / "build" / "gregor", *command, "--help"], capture_output=True, text=True
    ).stdout
    options = set(re.findall(r"--[a-z][a-z-]+", helped))
    text = README.read_text()
    assert options and [option for option in options if option not in text] == []
