"""The same question to two brokers, and what their answers differ in.

    pair.same("ListOffsets", {"ReplicaId": -1, "Topics": […]})

sends it to both in every version that both offer, decodes the answers, puts a
word in place of what two brokers cannot have in common (see `Side.blur`) and
compares the rest field by field.
"""

import contextlib
import re
import uuid

import pytest

from harness import kafka, messages, wire
from harness.broker import ApacheKafka, Started
from harness.messages import NO_ID, versions
from harness.wire import Closed, Connection

CLOSED = "the connection was closed"
SILENT = "no answer"
WAIT_SECONDS = 10


class Id:
    """In a request: the id that each broker gave to a topic of this name."""

    def __init__(self, topic):
        self.topic = topic


class Session:
    """In a request: the id of the fetch session that each broker gave last."""


class Side:
    """One of the two brokers, and what it has named by itself."""

    def __init__(self, broker):
        self.broker = broker
        self.connection = None
        self.connect()
        self.topics = {}  # id: name
        self.session = 0

    def close(self):
        self.connection.close()

    def connect(self):
        if self.connection:
            self.connection.close()
        self.connection = Connection(self.broker.address)
        self.connection.socket.settimeout(WAIT_SECONDS)

    # -- asking ----------------------------------------------------------------

    def ask(self, api, version, values):
        """The decoded answer, or CLOSED, or SILENT."""
        return self.receive(api, version, self.send(api, version, values))

    def send(self, api, version, values):
        try:
            return messages.send(self.connection, api, version, self.fill(values))
        except Closed:
            return None

    def receive(self, api, version, correlation):
        try:
            if correlation is not None:
                return messages.receive(self.connection, api, version, correlation)
            answer = CLOSED
        except Closed:
            answer = CLOSED
        except TimeoutError:
            answer = SILENT
        self.connect()
        return answer

    def fill(self, value):
        """The request with this broker's own names in it."""
        if isinstance(value, dict):
            return {key: self.fill(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self.fill(item) for item in value]
        if isinstance(value, Id):
            return self.id_of(value.topic)
        if isinstance(value, Session):
            return self.session
        return value

    def id_of(self, topic):
        for topic_id, name in self.topics.items():
            if name == topic:
                return topic_id
        answer = messages.ask(
            self.connection,
            "Metadata",
            12,
            {"Topics": [{"Name": topic}], "AllowAutoTopicCreation": False},
        )
        topic_id = answer["Topics"][0]["TopicId"]
        assert topic_id != NO_ID, f"no topic {topic}"
        self.topics[topic_id] = topic
        return topic_id

    # -- making answers comparable -----------------------------------------------

    def blur(self, api, value, name=None):
        """An answer without what two brokers never have in common: the ids and
        the moments that each makes up, ports, paths, and how an error is worded.
        That there is one, or none, remains."""
        if isinstance(value, dict):
            self.learn(value)
            return {key: self.blur(api, item, key) for key, item in value.items()}
        if isinstance(value, list):
            items = [self.blur(api, item, name) for item in value]
            unordered = name in UNORDERED or f"{api}.{name}" in UNORDERED
            return sorted(items, key=identity) if unordered else items
        if name in BLURRED and value not in BLURRED[name]:
            return f"<{name}>"
        if isinstance(value, uuid.UUID):
            return "-" if value == NO_ID else self.topics.get(value, "<id>")
        return value

    def learn(self, fields):
        name, topic_id = fields.get("Name"), fields.get("TopicId", NO_ID)
        if name and topic_id != NO_ID:
            self.topics[topic_id] = name
        if fields.get("SessionId"):
            self.session = fields["SessionId"]


class Accepted:
    """A difference that is meant: why, and how it shows (see differences())."""

    def __init__(self, why, *lines):
        self.why = why
        self.lines = lines


# Fields whose value is each broker's own, unless it is one of these.
BLURRED = {
    "ClusterId": (None, ""),
    "Port": (),
    "LogDir": (),
    "TotalBytes": (-1,),
    "UsableBytes": (-1,),
    "ThrottleTimeMs": (),
    "LogAppendTimeMs": (-1,),
    "SessionId": (0,),
    "ErrorMessage": (None, ""),
    "BatchIndexErrorMessage": (None, ""),
    "FinalizedFeaturesEpoch": (-1,),
}
SENTENCES = ("<ErrorMessage>", "<BatchIndexErrorMessage>")
# Arrays that Kafka fills from hash tables or sets, by their API if not everywhere.
UNORDERED = {
    "ApiKeys",
    "Brokers",
    "ConfigResources",
    "Configs",
    "SupportedFeatures",
    "FinalizedFeatures",
    "CreateTopics.Topics",
    "CreatePartitions.Results",
    "DeleteTopics.Responses",
    "Metadata.Topics",
    "DescribeConfigs.Results",
    "AlterConfigs.Responses",
    "IncrementalAlterConfigs.Responses",
    "DescribeLogDirs.Topics",
    "DescribeLogDirs.Partitions",
    "DeleteRecords.Topics",
    "DeleteRecords.Partitions",
    "Produce.Responses",
    "Produce.PartitionResponses",
    "OffsetForLeaderEpoch.Topics",
    "ListOffsets.Topics",
    "ListOffsets.Partitions",
    "ListGroups.Groups",
    "DeleteGroups.Results",
    "OffsetCommit.Topics",
    "OffsetCommit.Partitions",
    "OffsetDelete.Topics",
    "OffsetDelete.Partitions",
    "OffsetFetch.Topics",
    "OffsetFetch.Partitions",
    "JoinGroup.Members",
    "DescribeGroups.Groups",
    "DescribeGroups.Members",
    "ConsumerGroupDescribe.Groups",
    "ConsumerGroupDescribe.Members",
    "ConsumerGroupDescribe.SubscribedTopicNames",
    "ConsumerGroupDescribe.TopicPartitions",
    "ConsumerGroupDescribe.Partitions",
    "ConsumerGroupHeartbeat.TopicPartitions",
    "ConsumerGroupHeartbeat.Partitions",
}


def identity(item):
    """What an entry of an array is about comes before what it says of it."""
    if not isinstance(item, dict):
        return repr(item)
    names = [n for n in item if n.endswith(("Name", "Id", "Index", "Key"))]
    return repr([item[n] for n in names]) + repr(item)


# What the controller of Apache Kafka answers before its broker has heard of it.
CHANGING = {
    "CreateTopics",
    "DeleteTopics",
    "CreatePartitions",
    "AlterConfigs",
    "IncrementalAlterConfigs",
}
MARKER = "a-topic-to-mark-time"
# Asking these again changes nothing. Once in thousands of answers Apache Kafka's broker
# was behind its controller even so; what differs for good differs again.
READING = {"Metadata", "DescribeTopicPartitions", "DescribeConfigs", "DescribeLogDirs"}
TRIES = 3


@contextlib.contextmanager
def started_pair(tmp_path_factory, settings, release=kafka.CURRENT):
    """Gregor and a release of Apache Kafka, to be asked the same (test_same_*.py)."""
    why = release.available()
    if why:
        pytest.skip(why)
    other = ApacheKafka(
        tmp_path_factory.mktemp("kafka"),
        settings=settings,
        heap=("-Xmx512M", "-XX:TieredStopAtLevel=1"),
        release=release,
    )
    started = Started(tmp_path_factory)
    try:
        other.start()
        one = started(settings=settings, options=["--profile", "kafka"])
        compared = Pair(one, other)
        yield compared
        print(f"{compared.comparisons} answers compared")
        compared.close()
    finally:
        other.close()
        started.close()


class Pair:
    """The two to compare: `one` is Gregor, `other` is Apache Kafka."""

    def __init__(self, one, other):
        self.sides = [Side(one), Side(other)]
        self.one, self.other = self.sides
        self.comparisons = 0
        self.marks = 0
        wire.make_topic(self.other.connection, MARKER)

    def settle(self):
        """Waits until Kafka's broker knows what its controller knows: changes reach
        it in order, so one more is made and looked for."""
        self.marks += 1
        resource = {"ResourceType": 2, "ResourceName": MARKER}
        mark = {"Name": "retention.ms", "Value": str(self.marks)}
        change = {**resource, "Configs": [mark]}
        self.other.ask("IncrementalAlterConfigs", 1, {"Resources": [change]})
        wanted = {**resource, "ConfigurationKeys": ["retention.ms"]}
        value = None
        while value != mark["Value"]:
            answer = self.other.ask("DescribeConfigs", 4, {"Resources": [wanted]})
            value = answer["Results"][0]["Configs"][0]["Value"]

    def close(self):
        for side in self.sides:
            side.close()

    def both(self, do):
        return [do(side) for side in self.sides]

    def offered(self, api):
        # Kafka lists versions 0 to 2 of Produce for the sake of old clients that
        # look for them, but closes the connection on who uses them. Gregor
        # serves them.
        return range(3, 14) if api == "Produce" else versions[api]

    def answers(self, api, version, values):
        """Both answers, blurred; sent to both before either is read."""
        sent = self.both(lambda side: side.send(api, version, values))
        got = [
            side.receive(api, version, correlation)
            for side, correlation in zip(self.sides, sent)
        ]
        return [side.blur(api, answer) for side, answer in zip(self.sides, got)]

    def ask_both(self, api, values, only, change):
        """All differences, and Apache Kafka's last answer."""
        found, answer = [], None
        for version in only or self.offered(api):
            wanted = values(version) if callable(values) else values
            wanted = known_fields(api + "Request", version, wanted)
            one, other = (change(a) for a in self.answers(api, version, wanted))
            self.comparisons += 1
            found += [f"{api} v{version} {line}" for line in differences(one, other)]
            answer = other
        return found, answer

    def same(self, api, values, only=None, change=lambda answer: answer, but=None):
        """Asks in each version, and fails with all that differs. `values` may be
        a function of the version; `change` removes what is known to differ. Of
        `but`, an accepted difference, exactly what it says must be there.
        Apache Kafka's last answer, for what the test goes on with."""
        __tracebackhide__ = True
        for _ in range(TRIES if api in READING else 1):
            found, answer = self.ask_both(api, values, only, change)
            if api in CHANGING or found:
                self.settle()
            if not found or but:
                break
        complain(collapse(found), but)
        return answer

    def make(self, topic, partitions=1, configs=None):
        for side in self.sides:
            wire.make_topic(side.connection, topic, partitions, configs)
            side.id_of(topic)
        return topic


def known_fields(message, version, values):
    """What of a request's values this version has: a case is written once for
    all of them. Names give way to ids where a version knows only these."""

    def keep(fields, given):
        here = {f.name: f for f in fields if version in f.versions}
        out = {}
        for key, value in given.items():
            if key in here:
                field = here[key]
                out[key] = value
                if field.is_struct and isinstance(value, dict):
                    out[key] = keep(field.fields, value)
                if field.is_struct and isinstance(value, list):
                    out[key] = [keep(field.fields, item) for item in value]
        return out

    return keep(messages.known()[message].fields, values)


def differences(one, other, path=""):
    """Lines that say where two decoded answers differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in {**one, **other}:
            yield from differences(one.get(key), other.get(key), f"{path}.{key}")
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for i, (left, right) in enumerate(zip(one, other)):
            yield from differences(left, right, f"{path}[{i}]")
    elif one in SENTENCES and other in (None, ""):
        return  # Gregor says why, where Apache Kafka is silent
    elif one != other:
        yield f"{path}: {one!r} | {other!r}"


def complain(lines, but):
    """Fails with all of collapse()'s lines that `but` does not accept, and with what
    it accepts and did not show."""
    __tracebackhide__ = True
    accepted = but.lines if but else ()
    unexpected = {k: v for k, v in lines.items() if k not in accepted}
    unseen = [line for line in accepted if line not in lines]
    if unexpected or unseen:
        raise AssertionError(
            "\n".join(
                ["Gregor | Apache Kafka"]
                + [f"v{','.join(v)} {what}" for what, v in unexpected.items()]
                + [f"no longer: {line}" for line in unseen]
            )
        )


def collapse(found):
    """{what differs: the versions in which it does}"""
    kept = {}
    for line in found:
        version, what = re.match(r"\w+ v(\d+) (.*)", line, re.S).groups()
        kept.setdefault(what, []).append(version)
    return kept
