"""Topics made for a test, with the client that is always there."""

from confluent_kafka import TopicPartition
from confluent_kafka.admin import NewTopic


def create(admin, topic, partitions=1, **configs):
    """Settings are spelled with underscores: segment_bytes="1048576"."""
    settings = {key.replace("_", "."): value for key, value in configs.items()}
    new = NewTopic(topic, partitions, 1, config=settings)
    admin.create_topics([new])[topic].result(30)


def partition(topic, number=0, offset=0):
    return TopicPartition(topic, number, offset)
