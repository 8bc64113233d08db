"""Groups that subscribe to whatever topics match, those to come included."""

import pytest

from harness.admin import create
from harness.member import QUICK
from harness.source import PARTITIONS, Source

# Who evaluates the expression: librdkafka itself in a classic group, the broker for
# the others.
KINDS = [
    ("confluent-kafka", "range"),
    ("confluent-kafka", "consumer"),
    ("java", "consumer"),
    ("franz-go", "consumer"),
]


@pytest.fixture(scope="module")
def settings():
    return QUICK


@pytest.mark.parametrize("client, strategy", KINDS)
def test_a_pattern_finds_topics(members_of, admin, broker, topic, client, strategy):
    create(admin, f"{topic}-a", PARTITIONS)
    create(admin, f"{topic}-aa", PARTITIONS)
    before, other = Source(broker, f"{topic}-a"), Source(broker, f"{topic}-aa")
    before.send(60)
    other.send(6)
    members = members_of(client, f"^{topic}-[ab]$")
    members.join(strategy)
    members.join(strategy)
    members.until_shared(PARTITIONS)
    members.until_read(60)
    create(admin, f"{topic}-b", PARTITIONS)
    later = Source(broker, f"{topic}-b")
    later.send(30)
    members.until_read(90)
    before.send(6)
    members.until_read(96)
    assert members.values().total() == 96, "and no others"
    members.leave(members.present[0])
    members.until_shared(PARTITIONS)
    members.leave(members.present[0])
