"""Topics made for a test, with the client that is always there."""

from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import NewTopic


def create(admin, topic, partitions=1, **configs):
    """Settings are spelled with underscores: segment_bytes="1048576"."""
    settings = {key.replace("_", "."): value for key, value in configs.items()}
    new = NewTopic(topic, partitions, 1, config=settings)
    admin.create_topics([new])[topic].result(30)


def partition(topic, number=0, offset=0):
    return TopicPartition(topic, number, offset)


def committed(admin, group):
    """{partition: offset} of a group that reads one topic."""
    asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])
    answer = asked[group].result(30)
    return {p.partition: p.offset for p in answer.topic_partitions}


def type_of(admin, group):
    """CLASSIC or CONSUMER, as ListGroups says; None of a group that is not there."""
    listed = admin.list_consumer_groups().result(30)
    types = {found.group_id: found.type.name for found in listed.valid}
    return types.get(group)
