import pytest
from confluent_kafka.admin import AdminClient

from harness import kafka
from harness.admin import create
from harness.broker import ApacheKafka, Started
from harness.compare import Pair


@pytest.fixture
def admin(broker):
    return AdminClient({"bootstrap.servers": broker.bootstrap})


@pytest.fixture
def made(admin, topic):
    """A topic with one partition."""
    create(admin, topic)
    return topic


# What both are told beyond their defaults.
COMPARED = {
    "log.flush.offset.checkpoint.interval.ms": "50000",
    "num.partitions": "2",
    # Below 1 MiB: a batch too large need not be so large.
    "message.max.bytes": "100000",
}


@pytest.fixture(scope="session")
def pair(tmp_path_factory):
    """Gregor and Apache Kafka, to be asked the same (test_same_*.py)."""
    why = kafka.available()
    if why:
        pytest.skip(why)
    other = ApacheKafka(
        tmp_path_factory.mktemp("kafka"),
        settings=COMPARED,
        heap=("-Xmx512M", "-XX:TieredStopAtLevel=1"),
    )
    started = Started(tmp_path_factory)
    try:
        other.start()
        one = started(settings=COMPARED, options=["--profile", "kafka"])
        compared = Pair(one, other)
        yield compared
        print(f"{compared.comparisons} answers compared")
        compared.close()
    finally:
        other.close()
        started.close()
