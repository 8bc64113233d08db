"""Offsets of groups of both kinds: the answers are Apache Kafka's.

See harness/story.py for how stories are told and compared.
"""

import uuid

import pytest

from harness.compare import known_fields
from harness.messages import versions
from harness.story import same_story

NOBODY = uuid.UUID("01234567-89ab-cdef-0123-456789abcdef")


def committing(s, *parts, version, **more):
    """OffsetCommit of (topic, partition, offset, metadata)."""
    topics = {}
    for topic, partition, offset, metadata in parts:
        name = {"TopicId": topic_id(s, topic)} if version >= 10 else {"Name": topic}
        part = {"PartitionIndex": partition, "CommittedOffset": offset}
        part["CommittedMetadata"] = metadata
        topics.setdefault(topic, {**name, "Partitions": []})["Partitions"].append(part)
    return {
        "GroupId": s.group,
        "GenerationIdOrMemberEpoch": -1,
        "MemberId": "",
        "Topics": list(topics.values()),
        **more,
    }


def topic_id(s, topic):
    known = topic in ("six", "four")
    return s.side.id_of(topic) if known else uuid.uuid5(NOBODY, topic)


@pytest.mark.parametrize("version", versions["OffsetCommit"])
def test_offsets_of_simple_consumers(pair, topics, topic, version):
    def story(s):
        alone = s.client("alone")

        def commit(*parts, **more):
            values = committing(s, *parts, version=version, **more)
            alone.ask("OffsetCommit", values, version)

        for offset in 0, 7, -1, -2, 2**63 - 1, -(2**63):
            commit(("six", 1, offset, ""))
        commit(("six", 0, 1, None), ("six", 9, 2, ""), ("six", -1, 3, ""))
        commit(("not there", 0, 4, "m"), ("four", 3, 5, "m"), ("", 0, 6, ""))
        commit(("four", 0, 1, "x" * 4096), ("four", 1, 2, "x" * 4097))
        commit(("four", 2, 1, "\u00e9" * 4096))
        commit()
        for wrong in (
            {"GroupId": ""},
            {"MemberId": "nobody"},
            {"GenerationIdOrMemberEpoch": 0},
            {"GenerationIdOrMemberEpoch": -2},
            {"GenerationIdOrMemberEpoch": 5, "MemberId": "nobody"},
        ):
            commit(("six", 0, 8, ""), **wrong)
        commit(("six", 0, 8, ""), **{"GroupId": s.group + "-b", "MemberId": "x"})
        alone.fetch(None)
        alone.describe()
        alone.listed()

    same_story(pair, story, topic)


@pytest.mark.parametrize("version", versions["OffsetFetch"])
def test_offsets_fetched_of_a_classic_group(pair, topics, topic, version):
    def story(s):
        alone = s.client("alone")
        parts = ("six", 0, 3, "m"), ("four", 1, 4, "")
        alone.ask("OffsetCommit", committing(s, *parts, version=9), 9)
        for names in ["six"], ["six", "four", "not there"], [""], [], None:
            wanted = names and [
                {
                    "Name": name,
                    "TopicId": topic_id(s, name),
                    "PartitionIndexes": [0, 1, 7, -1],
                }
                for name in names
            ]
            if wanted is None and version < 2:
                continue
            for group in s.group, "no such group", "":
                for stable in False, True:
                    groups = [{"GroupId": group, "Topics": wanted}] * 2
                    values = {"Groups": groups, "GroupId": group, "Topics": wanted}
                    values["RequireStable"] = stable
                    values = known_fields("OffsetFetchRequest", version, values)
                    alone.ask("OffsetFetch", values, version)

    same_story(pair, story, topic)


@pytest.mark.parametrize("version", versions["OffsetCommit"])
def test_offsets_of_a_consumer_group(pair, topics, topic, version):
    def commit(s, client, generation, member, **more):
        parts = [{"PartitionIndex": 0, "CommittedOffset": 5, "CommittedMetadata": "m"}]
        named = {"Name": "six", "TopicId": s.side.id_of("six"), "Partitions": parts}
        if version >= 10:
            del named["Name"]
        values = {
            "GroupId": s.group,
            "GenerationIdOrMemberEpoch": generation,
            "MemberId": member,
            "Topics": [named],
            **more,
        }
        if version < 1:
            values = {k: values[k] for k in ("GroupId", "Topics")}
        client.ask("OffsetCommit", values, version)

    def story(s):
        alone, one, two = s.client("alone"), s.consumer("one"), s.consumer("two")
        commit(s, alone, -1, "")
        one.join("six")
        one.own()
        for generation in -2, -1, 0, 1, 2, 3, 7:
            for member in "one", "nobody", "":
                commit(s, one, generation, member)
        two.join("six")
        one.beat()
        for member in one, two:
            for generation in range(-1, 6):
                commit(s, member, generation, member.member)
        one.own()
        two.beat()
        one.own()
        two.own()
        for member in one, two:
            for generation in range(-1, 6):
                commit(s, member, generation, member.member)
        if version >= 7:
            commit(s, one, one.generation, "one", GroupInstanceId="i")
        one.leave()
        two.leave()
        commit(s, one, one.generation, "one")
        commit(s, alone, -1, "")
        alone.fetch(None)

    same_story(pair, story, topic)


@pytest.mark.parametrize("version", range(9, versions["OffsetFetch"][-1] + 1))
def test_offsets_fetched_of_a_consumer_group(pair, topics, topic, version):
    def story(s):
        def fetch(client, **who):
            parts = {"PartitionIndexes": [0, 1, 9]}
            named = [
                {"Name": "six", "TopicId": s.side.id_of("six"), **parts},
                {"Name": "not there", "TopicId": NOBODY, **parts},
            ]
            for topics in named, [], None:
                client.fetch(topics, version, **who)

        one, two = s.consumer("one"), s.consumer("two")
        fetch(one)
        one.join("six")
        one.own()
        one.commit("six", 3)
        for generation in -1, 0, 1, 2, 3:
            # Not null: at that Kafka stumbles, unless the epoch is negative.
            for member in "one", "nobody", "":
                fetch(one, MemberId=member, MemberEpoch=generation)
        two.join("six")
        fetch(two, MemberId="two", MemberEpoch=two.generation)
        fetch(two)

    same_story(pair, story, topic)


def test_offsets_deleted_of_a_consumer_group(pair, topics, topic):
    def story(s):
        def delete(*names):
            parts = [{"PartitionIndex": n} for n in (0, 7)]
            wanted = [{"Name": name, "Partitions": parts} for name in names]
            values = {"GroupId": s.group, "Topics": wanted}
            one.ask("OffsetDelete", values)

        one = s.consumer("one")
        delete("six")
        one.commit("four", 1, GenerationIdOrMemberEpoch=-1, MemberId="")
        one.commit("six", 1, GenerationIdOrMemberEpoch=-1, MemberId="")
        one.join("six")
        delete("six", "four", "not there")
        one.fetch(None)
        delete()
        one.beat(SubscribedTopicNames=["four"])
        one.own()
        delete("six")
        one.leave()
        delete("four")
        one.fetch(None)
        one.delete()
        delete("four")

    same_story(pair, story, topic)
