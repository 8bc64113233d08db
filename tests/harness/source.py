"""What a test sends to a topic, counted, to see that all of it is read."""

import threading

from confluent_kafka import Producer

PARTITIONS = 6


class Source:
    """Values that are numbered, over all partitions in turn."""

    def __init__(self, broker, topic):
        self.topic = topic
        self.sent = 0
        self.producer = Producer(
            {"bootstrap.servers": broker.bootstrap, "linger.ms": 0}
        )

    def send(self, count):
        for number in range(self.sent, self.sent + count):
            self.producer.produce(
                self.topic, f"{number}", partition=number % PARTITIONS
            )
        self.sent += count
        assert self.producer.flush(30) == 0

    def all(self):
        return {f"{number}" for number in range(self.sent)}


class Flow:
    """A source that runs by itself for as long as the `with` lasts."""

    def __init__(self, source):
        self.source = source
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ending.wait(0.005):
            self.source.send(PARTITIONS)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()
