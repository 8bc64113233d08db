"""A member of a group with confluent-kafka; see member.py of the harness."""

import select
import sys

from confluent_kafka import Consumer

bootstrap, topic, group, *more = sys.argv[1:]
strategy = more[0] if more else "range"
instance = more[1] if more[1:] else None
owned = set()


def say(*words):
    print(*words, flush=True)


def assigned(_, partitions):
    owned.update(p.partition for p in partitions)
    say("assigned", *sorted(owned))


def revoked(consumer, partitions):
    """What was read is committed before another member may go on from there."""
    commit(consumer, partitions)
    owned.difference_update(p.partition for p in partitions)


def lost(_, partitions):
    say("lost", *(p.partition for p in partitions))
    sys.exit(1)


def commit(consumer, partitions):
    read = [p for p in consumer.position(partitions) if p.offset >= 0]
    if read:
        for done in consumer.commit(offsets=read, asynchronous=False):
            assert done.error is None, done.error


config = {
    "bootstrap.servers": bootstrap,
    "group.id": group,
    "enable.auto.commit": False,
    "auto.offset.reset": "earliest",
}
if strategy == "consumer":  # heartbeats and sessions are the broker's to set
    config["group.protocol"] = "consumer"
else:
    config["partition.assignment.strategy"] = strategy
    config["heartbeat.interval.ms"] = 200
    config["session.timeout.ms"] = 6000
    config["topic.metadata.refresh.interval.ms"] = 1000  # it looks for topics itself
if instance:
    config["group.instance.id"] = instance
consumer = Consumer(config)
consumer.subscribe([topic], on_assign=assigned, on_revoke=revoked, on_lost=lost)
while not select.select([sys.stdin], [], [], 0)[0]:
    message = consumer.poll(0.05)
    if message is not None:
        assert message.error() is None, message.error()
        say("record", message.partition(), message.offset(), message.value().decode())
commit(consumer, consumer.assignment())
consumer.close()
