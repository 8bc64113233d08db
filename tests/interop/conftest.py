import pytest
from confluent_kafka.admin import AdminClient

from harness.admin import create
from harness.compare import started_pair
from harness.member import CLIENTS, CannotBeHad, Members
from harness.messages import errors
from harness.source import PARTITIONS, Source
from harness.story import same_story


@pytest.fixture
def admin(broker):
    return AdminClient({"bootstrap.servers": broker.bootstrap})


@pytest.fixture
def made(admin, topic):
    """A topic with one partition."""
    create(admin, topic)
    return topic


@pytest.fixture
def members_of(broker, topic):
    """members_of(client, subscription): none yet, in a group of the topic's name."""
    opened = []

    def of(client, subscription):
        try:
            CLIENTS[client]()
        except CannotBeHad as why:
            pytest.skip(str(why))
        opened.append(Members(client, broker, subscription, topic))
        return opened[-1]

    yield of
    for members in opened:
        members.__exit__()


@pytest.fixture
def group(members_of, admin, topic):
    """group(client): members of a group that reads a topic of its name."""
    create(admin, topic, PARTITIONS)
    return lambda client: members_of(client, topic)


@pytest.fixture
def source(broker, topic):
    return Source(broker, topic)


# What both are told beyond their defaults.
COMPARED = {
    "log.flush.offset.checkpoint.interval.ms": "50000",
    "num.partitions": "2",
    # Below 1 MiB: a batch too large need not be so large.
    "message.max.bytes": "100000",
    # Members get what they are due at once.
    "offsets.topic.replication.factor": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.consumer.assignment.interval.ms": "0",
}


@pytest.fixture(scope="session")
def pair(tmp_path_factory):
    with started_pair(tmp_path_factory, COMPARED) as compared:
        yield compared


@pytest.fixture(scope="session")
def coordinated(pair):
    """Both have made __consumer_offsets and answer for every group."""

    def ready(s):
        client = s.client("any")
        for i in range(200):
            client.group = f"group {i}"
            s.until(client, lambda: client.describe(5)["ErrorCode"] == errors.NONE)

    same_story(pair, ready, "first")


@pytest.fixture(scope="session")
def topics(pair, coordinated):
    """Two, by the numbers of their partitions."""
    made = pair.make("six", 6), pair.make("four", 4)
    pair.settle()
    return made
