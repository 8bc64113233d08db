"""Members of consumer groups, each a process of its own around one client.

tests/interop/members/, kafkajs/ and go/ hold the programs. Each is called with

    BOOTSTRAP TOPIC GROUP [STRATEGY [INSTANCE]]

where STRATEGY is one of the client's, or "consumer" for the protocol of that name,
reads the topic, or those that match a TOPIC of "^...", from its start and says on standard output, line by line,

    assigned PARTITION...           after each rebalance, all it now has
    record PARTITION OFFSET VALUE   of each record that it was given

It commits what it has read before it gives a partition away, and when its
standard input is closed it commits, leaves the group and ends with 0.
"""

import functools
import os
import shutil
import subprocess
import sys
import threading
import time
from collections import Counter

from harness import kafka
from harness.kafka import CACHE, INTEROP

GO_BINARIES = CACHE / "go-clients"
NODE_MODULES = CACHE / "kafkajs" / "node_modules"
PATIENCE_SECONDS = 20
# What members of classic groups ask for themselves, and the consumer protocol
# leaves to the broker: a broker's settings for tests that await time-outs.
QUICK = {
    "group.consumer.min.heartbeat.interval.ms": "200",
    "group.consumer.heartbeat.interval.ms": "200",
    "group.consumer.min.session.timeout.ms": "6000",
    "group.consumer.session.timeout.ms": "6000",
}


class CannotBeHad(Exception):
    """Why a client cannot be run here."""


def _must_be_installed(program):
    if not shutil.which(program):
        raise CannotBeHad(f"{program} is not installed")


def _install(what, command, **options):
    _must_be_installed(command[0])
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode != 0:
        raise CannotBeHad(f"{what}: {(done.stderr or done.stdout).strip()[-500:]}")


@functools.cache
def go_client(name):
    """Builds both programs; Go itself knows when there is nothing to do."""
    _install(
        "the Go clients cannot be built",
        ["go", "build", "-p", "2", "-o", f"{GO_BINARIES}/", "./..."],
        cwd=INTEROP / "go",
        env={**os.environ, "GOFLAGS": "-mod=mod -buildvcs=false"},
    )
    return [str(GO_BINARIES / name)]


@functools.cache
def kafkajs():
    """The version of package.json, beside a copy of it in .cache/."""
    _must_be_installed("node")
    wanted = INTEROP / "kafkajs" / "package.json"
    kept = NODE_MODULES.parent / "package.json"
    if not NODE_MODULES.exists() or kept.read_bytes() != wanted.read_bytes():
        shutil.rmtree(NODE_MODULES.parent, ignore_errors=True)
        NODE_MODULES.parent.mkdir(parents=True)
        shutil.copy(wanted, kept)
        _install(
            "kafkajs cannot be installed",
            ["npm", "install", "--no-package-lock", "--no-audit", "--no-fund"],
            cwd=NODE_MODULES.parent,
        )
    return ["node", str(INTEROP / "kafkajs" / "member.js")]


def python(script):
    return [sys.executable, str(INTEROP / "members" / script)]


@functools.cache
def java():
    """Java compiles a program that is one file by itself."""
    why = kafka.available()
    if why:
        raise CannotBeHad(why)
    return kafka.command(str(INTEROP / "members" / "Member.java"))


CLIENTS = {
    "confluent-kafka": lambda: python("confluent.py"),
    "kafka-python": lambda: python("kafka_python.py"),
    "kafkajs": kafkajs,
    "java": java,
    "franz-go": lambda: go_client("franz"),
    "sarama": lambda: go_client("sarama"),
}


class Member:
    """One process; what it said so far can be read at any time."""

    def __init__(self, client, broker, topic, group, *more):
        command = [*CLIENTS[client](), broker.bootstrap, topic, group, *more]
        self.changed = threading.Condition()
        self.assignments = []  # each that was said, oldest first
        self.records = []  # (partition, offset, value)
        self.unknown = []
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NODE_PATH": str(NODE_MODULES)},
        )
        self.readers = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._complaints, daemon=True),
        ]
        self.stderr = ""
        for reader in self.readers:
            reader.start()

    def _read(self):
        for line in self.process.stdout:
            if not line.endswith("\n"):
                return  # the last one of somebody who was killed
            with self.changed:
                self._heard(line.split())
                self.changed.notify_all()

    def _heard(self, words):
        if words[:1] == ["assigned"]:
            self.assignments.append([int(word) for word in words[1:]])
        elif words[:1] == ["record"]:
            self.records.append((int(words[1]), int(words[2]), words[3]))
        else:
            self.unknown.append(" ".join(words))

    def _complaints(self):
        self.stderr = self.process.stderr.read()

    @property
    def owned(self):
        return self.assignments[-1] if self.assignments else []

    def close_input(self):
        self.process.stdin.close()

    def left(self):
        """Waits for its end, which must be a good one."""
        code = self.process.wait(PATIENCE_SECONDS)
        for reader in self.readers:
            reader.join()
        assert code == 0 and not self.unknown, f"{code} {self.unknown}\n{self.stderr}"

    def leave(self):
        self.close_input()
        self.left()

    def kill(self):
        self.process.kill()
        self.process.wait()


class Members:
    """All members that a test starts, in one group."""

    def __init__(self, client, broker, topic, group):
        self.made_of = client, broker, topic, group
        self.all = []
        self.present = []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for member in self.all:
            member.kill()

    def join(self, *more):
        member = Member(*self.made_of, *more)
        self.all.append(member)
        self.present.append(member)
        return member

    def leave(self, member):
        self.present.remove(member)
        member.leave()

    def values(self):
        """How often each value was read, by all together."""
        return Counter(value for m in self.all for _, _, value in list(m.records))

    def until(self, what, reached):
        """Waits for something that the members say."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not reached():
            for member in self.present:
                assert member.process.poll() is None, f"ended: {member.stderr}"
            assert time.monotonic() < deadline, f"{what}: {self.state()}"
            time.sleep(0.005)

    def until_shared(self, partitions):
        """Until those present have all partitions, evenly, none of them twice."""
        self.until(f"{partitions} shared", lambda: self.shared(partitions))

    def shared(self, partitions):
        shares = [member.owned for member in self.present]
        sizes = {len(share) for share in shares}
        return (
            sorted(p for share in shares for p in share) == list(range(partitions))
            and max(sizes) - min(sizes) <= 1
        )

    def until_read(self, count):
        """Until so many records were read, by all together."""
        self.until(f"{count} read", lambda: self.values().total() >= count)

    def state(self):
        owned = [member.owned for member in self.present]
        return f"assigned {owned}, {self.values().total()} records read"
