"""Eight members of one group that join, leave and die while a producer runs.

What they do next, and what they wait for before, comes from a seed that is printed;
SEED repeats it. Sometimes the group settles in between; sometimes one rebalance
runs into the next. Only members of classic groups do not leave in the middle of one:
librdkafka then commits with a member id or a generation that are gone, or waits for
ever, with Apache Kafka as well.
"""

import os
import random

import pytest

from harness.member import QUICK
from harness.source import PARTITIONS, Flow

MEMBERS = 8
STEPS = 16
DEATHS = 3


@pytest.fixture(scope="module")
def settings():
    return QUICK


@pytest.fixture
def rng():
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"SEED={seed}")
    return random.Random(seed)


class Churn:
    def __init__(self, members, admin, strategy, rng, may_die):
        self.members = members
        self.admin = admin
        self.strategy = strategy
        self.rng = rng
        self.leaving = []
        self.deaths_left = DEATHS if may_die else 0

    def join(self):
        self.members.join(self.strategy)

    def leave(self):
        if self.strategy != "consumer":
            self.members.until("it is stable", self.is_stable)
            self.picked().leave()
        else:
            self.leaving.append(self.picked())
            self.leaving[-1].close_input()

    def die(self):
        self.deaths_left -= 1
        self.picked().kill()

    def picked(self):
        return self.members.present.pop(self.rng.randrange(len(self.members.present)))

    def step(self):
        present = len(self.members.present)
        choices = []
        if present < MEMBERS:
            choices += [self.join] * 4
        if present > 1:
            choices += [self.leave] * 3 + [self.die] * self.deaths_left
        self.rng.choice(choices)()
        self.rng.choice([self.settle, self.go_on_reading, lambda: None])()

    def is_stable(self):
        """So says the coordinator, which knows of the present members alone, and so
        do these: a cooperative rebalance is followed by another."""
        group = self.members.made_of[-1]
        described = self.admin.describe_consumer_groups([group])[group].result(30)
        known = len(described.members) == len(self.members.present)
        stable = known and described.state.name == "STABLE"
        return stable and self.members.shared(PARTITIONS)

    def settle(self):
        self.members.until_shared(PARTITIONS)

    def go_on_reading(self):
        self.members.until_read(self.members.values().total() + self.rng.randrange(60))

    def all_leave(self):
        while self.members.present:
            self.leave()
        for member in self.leaving:
            member.left()


def who_read_twice(members):
    """What helps to understand a failure."""
    read = members.values()
    return [
        f"member {number}, of {len(member.records)} records the {at}th: {record}"
        for number, member in enumerate(members.all)
        for at, record in enumerate(member.records)
        if read[record[2]] > 1
    ]


def churn(group, source, admin, rng, strategy, may_die):
    """How often each value was read, when all of them had left at last."""
    members = group("confluent-kafka")
    acts = Churn(members, admin, strategy, rng, may_die)
    with Flow(source):
        for _ in range(MEMBERS):
            acts.join()
        for _ in range(STEPS):
            acts.step()
        while acts.deaths_left:
            acts.die()
            acts.join()
        acts.settle()
    members.until("all is read", lambda: members.values().keys() >= source.all())
    acts.all_leave()
    print(f"{len(members.all)} members, {source.sent} records")
    print("\n".join(who_read_twice(members)))
    return members.values()


STRATEGIES = ["range", "cooperative-sticky", "consumer"]


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_when_nobody_dies_each_record_is_read_once(group, source, admin, rng, strategy):
    read = churn(group, source, admin, rng, strategy, may_die=False)
    assert read == dict.fromkeys(source.all(), 1)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_when_members_die_each_record_is_read(group, source, admin, rng, strategy):
    read = churn(group, source, admin, rng, strategy, may_die=True)
    assert read.keys() == source.all()
