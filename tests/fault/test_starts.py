"""A broker that starts, starts always: hundreds of starts and stops, none of which
may fail, say a word on stderr or end with anything but 0. The data lies in memory
where it can, so that many starts take little time. STARTS makes them more, SEED
repeats those that are interrupted."""

import os
import random
import shutil
import subprocess
import tempfile

import pytest
from confluent_kafka import Producer

STARTS = int(os.environ.get("STARTS", 200))
TOPICS = ["one", "four:4", "packed:1:cleanup.policy=compact,compression.type=zstd"]

MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None

pytestmark = pytest.mark.release


@pytest.fixture
def broker(gregor):
    """One with topics that was started and stopped once."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as parent:
        broker = gregor(topics=TOPICS, data=f"{parent}/data")
        broker.stop()
        yield broker
        broker.kill()  # if it is still there: its data goes now


def fresh(broker, _):
    shutil.rmtree(broker.data, ignore_errors=True)


def existing(_, number):
    """As the last stop left it."""


def killed(broker, number):
    """As kill -9 left it, now and then after it has taken records."""
    broker.start()
    if number % 10 == 0:
        producer = Producer(
            {"bootstrap.servers": broker.bootstrap, "linger.ms": 0, "log_level": 0}
        )
        producer.produce("four", f"before kill {number}")
        assert producer.flush(30) == 0
    broker.kill()


@pytest.mark.timeout(60 + STARTS)
@pytest.mark.parametrize("prepare", [fresh, existing, killed])
def test_every_start_is_ready_and_every_stop_clean(broker, prepare):
    starts, stops = [], []
    for number in range(STARTS):
        prepare(broker, number)
        broker.start()
        starts.append(float(broker.ready["ms"]))
        stops.append(broker.stop())
        assert broker.stderr() == "", f"start {number}"
    print(
        f"{STARTS} starts ({prepare.__name__}): the slowest start took"
        f" {max(starts):g} ms, the slowest stop {max(stops):.0f} ms"
    )


@pytest.mark.timeout(60 + STARTS)
def test_a_start_may_be_interrupted_at_any_time(broker):
    """The signal comes before the handler is there, or while it starts, or when
    it is ready: the broker ends, and the next one starts."""
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    for number in range(STARTS // 2):
        broker.spawn()
        try:
            broker.process.wait(rng.random() * 0.01)
        except subprocess.TimeoutExpired:
            broker.process.terminate()
        code = broker.wait()
        assert code in (0, -15), f"interrupted start {number}\n{broker.stderr()}"
        broker.start()
        broker.stop()
        assert broker.stderr() == "", f"after interrupted start {number}"
