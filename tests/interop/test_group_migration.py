"""A group that goes from the classic protocol to the consumer protocol and back while
its members live: one after the other is replaced, as a rolling update does it."""

import pytest

from harness.admin import type_of
from harness.member import QUICK
from harness.source import PARTITIONS, Flow

# Not librdkafka's cooperative-sticky: with Apache Kafka, too, such a member gives
# nothing up to one of the consumer protocol.
KINDS = [
    ("confluent-kafka", "range"),
    ("java", "Range"),
    ("java", "CooperativeSticky"),
]


@pytest.fixture(scope="module")
def settings():
    return QUICK


class Rolling:
    """Members that are replaced, and what the group has to be meanwhile."""

    def __init__(self, members, admin, group):
        self.members = members
        self.admin = admin
        self.group = group

    def join(self, strategy, becomes):
        self.members.join(strategy)
        self.settled(becomes)

    def leave_first(self, becomes):
        self.members.leave(self.members.present[0])
        self.settled(becomes)

    def settled(self, group_type):
        """All partitions are owned and read, by members of either protocol."""
        self.members.until_shared(PARTITIONS)
        assert type_of(self.admin, self.group) == group_type
        for member in self.members.present:
            seen = len(member.records)
            self.members.until("it reads", lambda: len(member.records) > seen + 6)


@pytest.mark.parametrize("client, strategy", KINDS)
def test_there_and_back_under_load(group, source, admin, topic, client, strategy):
    members = group(client)
    rolling = Rolling(members, admin, topic)
    with Flow(source):
        rolling.join(strategy, "CLASSIC")
        rolling.join(strategy, "CLASSIC")
        rolling.join("consumer", "CONSUMER")
        rolling.leave_first("CONSUMER")
        rolling.join("consumer", "CONSUMER")
        rolling.leave_first("CONSUMER")  # of the consumer protocol alone
        rolling.join(strategy, "CONSUMER")
        rolling.leave_first("CONSUMER")
        rolling.join(strategy, "CONSUMER")
        rolling.leave_first("CLASSIC")
    members.until("all is read", lambda: members.values().keys() >= source.all())
    members.leave(members.present[0])
    members.until_shared(PARTITIONS)
    members.leave(members.present[0])
    assert members.values() == dict.fromkeys(source.all(), 1), "each, and once"


@pytest.mark.parametrize("client, strategy", KINDS[:2])
def test_an_empty_group_changes_its_protocol(group, source, admin, topic, client, strategy):
    members = group(client)
    sent = 0
    for now, becomes in [("consumer", "CONSUMER"), (strategy, "CLASSIC")] * 2:
        source.send(12)
        sent += 12
        member = members.join(now)
        members.until_read(sent)
        members.until_shared(PARTITIONS)
        assert type_of(admin, topic) == becomes
        members.leave(member)
    assert members.values() == dict.fromkeys(source.all(), 1), "each goes on from the last"
