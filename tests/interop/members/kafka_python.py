"""A member of a group with kafka-python; see member.py of the harness."""

import select
import sys

from kafka import ConsumerRebalanceListener, KafkaConsumer

bootstrap, topic, group = sys.argv[1:4]


def say(*words):
    print(*words, flush=True)


class Listener(ConsumerRebalanceListener):
    def on_partitions_assigned(self, assigned):
        say("assigned", *sorted(p.partition for p in assigned))

    def on_partitions_revoked(self, revoked):
        if revoked:
            consumer.commit()


consumer = KafkaConsumer(
    bootstrap_servers=bootstrap,
    group_id=group,
    enable_auto_commit=False,
    auto_offset_reset="earliest",
    heartbeat_interval_ms=200,
    session_timeout_ms=6000,
)
consumer.subscribe([topic], listener=Listener())
while not select.select([sys.stdin], [], [], 0)[0]:
    for records in consumer.poll(timeout_ms=50).values():
        for record in records:
            say("record", record.partition, record.offset, record.value.decode())
consumer.commit()
consumer.close()
