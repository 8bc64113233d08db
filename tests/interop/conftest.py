import pytest
from confluent_kafka.admin import AdminClient

from harness.admin import create


@pytest.fixture
def admin(broker):
    return AdminClient({"bootstrap.servers": broker.bootstrap})


@pytest.fixture
def made(admin, topic):
    """A topic with one partition."""
    create(admin, topic)
    return topic
