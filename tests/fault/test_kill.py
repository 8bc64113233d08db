"""kill -9 under load, again and again on the same data directory.

Idempotent producers with acks=all never notice but for a pause: in the end each
of their records is in the log exactly once and in its partition's order. SEED
repeats a run; KILL_ROUNDS makes it longer.
"""

import os
import random
import subprocess

from confluent_kafka import Consumer, KafkaError, Producer, TopicPartition

from harness.broker import free_port

ROUNDS = int(os.environ.get("KILL_ROUNDS", 50))
PARTITIONS = 4
PRODUCERS = 2
IN_FLIGHT = 2000
# One that rolls often, one that is flushed with each batch, one that the broker
# re-compresses: the ways that an append takes.
TOPICS = {
    "rolling": "segment.bytes=1048576,index.interval.bytes=256",
    "flushed": "flush.messages=1",
    "packed": "compression.type=lz4,segment.bytes=1048576",
}


class Load:
    """One idempotent producer that numbers its records in each partition."""

    def __init__(self, name, bootstrap, rng):
        self.name = name
        self.rng = rng
        self.next = {}  # (topic, partition): number of the next record
        self.acked = {}  # (topic, partition): how many were acknowledged
        self.outstanding = 0
        self.producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 1,
                "batch.num.messages": 100,
                "compression.type": rng.choice(["none", "lz4", "zstd"]),
                "message.timeout.ms": 300000,
                "reconnect.backoff.ms": 5,
                "reconnect.backoff.max.ms": 20,
                "retry.backoff.ms": 5,
                "retry.backoff.max.ms": 20,
                "log_level": 0,
            }
        )

    def total(self):
        return sum(self.acked.values())

    def send(self, count):
        for _ in range(min(count, IN_FLIGHT - self.outstanding)):
            at = self.rng.choice(list(TOPICS)), self.rng.randrange(PARTITIONS)
            number = self.next.get(at, 0)
            value = f"{self.name} {number} " + "." * self.rng.randrange(400)
            self.producer.produce(at[0], value, partition=at[1], callback=self.done)
            self.next[at] = number + 1
            self.outstanding += 1

    def done(self, error, message):
        assert error is None, f"{self.name}: {error}"
        self.outstanding -= 1
        at = message.topic(), message.partition()
        number = int(message.value().split()[1])
        assert number == self.acked.get(at, 0), f"{self.name} acknowledged out of order"
        self.acked[at] = number + 1

    def finish(self):
        assert self.producer.flush(60) == 0, f"{self.name} was not answered"


def read_everything(bootstrap):
    """{(topic, partition): {producer: [its numbers as they lie in the log]}}"""
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "assigned by hand",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "check.crcs": True,
        }
    )
    places = [(topic, n) for topic in TOPICS for n in range(PARTITIONS)]
    consumer.assign([TopicPartition(topic, n, 0) for topic, n in places])
    found = {place: {} for place in places}
    offsets = dict.fromkeys(places, 0)
    ended = set()
    while len(ended) < len(places):
        message = consumer.poll(30)
        assert message is not None, f"nothing more of {set(places) - ended}"
        place = message.topic(), message.partition()
        if message.error():
            assert message.error().code() == KafkaError._PARTITION_EOF
            ended.add(place)
            continue
        assert message.offset() == offsets[place], f"a gap in {place}"
        offsets[place] += 1
        name, number, _ = message.value().decode().split(" ", 2)
        found[place].setdefault(name, []).append(int(number))
    consumer.close()
    return found


def check(bootstrap, loads, acknowledged):
    """Each record that was acknowledged is there, once, and in order; of those
    that were not yet, the next ones may be."""
    found = read_everything(bootstrap)
    for load in loads:
        for place, count in acknowledged[load.name].items():
            numbers = found[place].get(load.name, [])
            assert numbers == list(range(len(numbers))), f"{load.name} in {place}"
            assert len(numbers) >= count, f"{load.name} lost records in {place}"


def snapshot(loads):
    return {load.name: dict(load.acked) for load in loads}


def test_nothing_acknowledged_is_lost_or_doubled(gregor):
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"SEED={seed}")
    rng = random.Random(seed)
    topics = [f"{name}:{PARTITIONS}:{config}" for name, config in TOPICS.items()]
    broker = gregor(topics=topics, port=free_port())
    loads = [Load(f"p{i}", broker.bootstrap, rng) for i in range(PRODUCERS)]
    for number in range(ROUNDS):
        # One producer a few rounds is new, and so has an id of its own.
        if number % 5 == 4:
            loads.append(Load(f"p{len(loads)}", broker.bootstrap, rng))
        run_until(loads, rng.randrange(1, 4000))
        broker.kill()
        if rng.random() < 0.2:
            kill_while_starting(broker, rng)
        broker.start()
        if number % 10 == 9:
            check(broker.bootstrap, loads, snapshot(loads))
    for load in loads:
        load.finish()
    check(broker.bootstrap, loads, {load.name: load.next for load in loads})
    broker.restart()
    check(broker.bootstrap, loads, {load.name: load.next for load in loads})
    assert sum(load.total() for load in loads) > 100 * ROUNDS


def run_until(loads, more):
    """Sends until so many more records were acknowledged; the kill that follows
    meets what is still on its way. The last two producers do the sending."""
    active = loads[-PRODUCERS:]
    goal = sum(load.total() for load in loads) + more
    idle = 0
    while sum(load.total() for load in loads) < goal:
        before = sum(load.total() for load in loads)
        for load in active:
            load.send(200)
        for load in loads:
            load.producer.poll(0.001)
        moved = sum(load.total() for load in loads) > before
        idle = 0 if moved else idle + 1
        assert idle < 20000, "nothing is acknowledged any more"


def kill_while_starting(broker, rng):
    """Recovery itself is cut off, somewhere in its first milliseconds."""
    broker.spawn()
    try:
        broker.process.wait(rng.random() * 0.02)
    except subprocess.TimeoutExpired:
        pass
    broker.kill()
