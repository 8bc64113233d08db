"""Brokers as fixtures. BROKER=kafka runs what does not depend on Gregor's own
command line against Apache Kafka instead, to see that a test asks for what
Kafka does."""

import re

import pytest

from harness.broker import (
    AGAINST_KAFKA,
    SANITIZED,
    ApacheKafka,
    Started,
    free_port,
)


def pytest_collection_modifyitems(config, items):
    """Limits of time and size are not asserted of an instrumented binary."""
    if not SANITIZED:
        return
    kept = [item for item in items if not item.get_closest_marker("release")]
    config.hook.pytest_deselected(items=[i for i in items if i not in kept])
    items[:] = kept


@pytest.fixture
def gregor(tmp_path_factory):
    """gregor(settings={…}, topics=[…], …) starts one and returns it."""
    if AGAINST_KAFKA:
        pytest.skip("of Gregor alone")
    started = Started(tmp_path_factory)
    yield started
    started.close()


@pytest.fixture(scope="module")
def settings():
    """What a file of tests sets its broker to, beyond the defaults."""
    return {}


@pytest.fixture(scope="module")
def broker(tmp_path_factory, settings):
    """One broker for a whole file of tests; see `topic`."""
    if AGAINST_KAFKA:
        kafka = ApacheKafka(tmp_path_factory.mktemp("kafka"), settings).start()
        yield kafka
        kafka.close()
        return
    started = Started(tmp_path_factory)
    # Kept over restarts, for tests that restart it under a client.
    yield started(settings=settings, port=free_port())
    started.close()


@pytest.fixture
def topic(request):
    """A topic name that no other test of the file uses."""
    return re.sub(r"[^a-zA-Z0-9._-]", "-", request.node.name)[:200]
