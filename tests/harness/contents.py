"""All that clients can see in a broker: what must be the same after another broker has
taken over its directory."""

import time

from harness import messages, wire
from harness.messages import errors
from harness.wire import Connection

TOPIC, BROKER, GROUP = 2, 4, 32
OVERRIDES = {1, 2, 3, 8}  # sources: of the topic, broker, cluster, group
EARLIEST, LATEST = -2, -1
# What a broker says that has just started, and will not say for long.
NOT_YET = {
    errors.COORDINATOR_LOAD_IN_PROGRESS,
    errors.COORDINATOR_NOT_AVAILABLE,
    errors.NOT_COORDINATOR,
    errors.LEADER_NOT_AVAILABLE,
    errors.NOT_LEADER_OR_FOLLOWER,
    errors.UNKNOWN_TOPIC_OR_PARTITION,
}
SECONDS = 60


def patiently(ask, codes_of):
    """Asks until no error is one of a broker that is still starting."""
    deadline = time.monotonic() + SECONDS
    while True:
        answer = ask()
        codes = codes_of(answer)
        if not NOT_YET & set(codes) or time.monotonic() > deadline:
            assert set(codes) <= {errors.NONE}, codes
            return answer
        time.sleep(0.05)


class Contents:
    """What one broker holds, read once: compare two of them with ==."""

    def __init__(self, broker):
        with Connection(broker.address) as connection:
            self.connection = connection
            self.topics = self._topics()
            self.configs = self._configs()
            self.records = self._records()
            self.groups = self._groups()
            self.offsets = {group: self._offsets(group) for group in self.groups}

    def facts(self):
        return {k: v for k, v in vars(self).items() if k != "connection"}

    def _ask(self, api, version, values, codes_of):
        def ask():
            return messages.ask(self.connection, api, version, values)

        return patiently(ask, codes_of)

    def _topics(self):
        """Name: id and number of partitions."""

        def codes(answer):
            for topic in answer["Topics"]:
                yield topic["ErrorCode"]
                yield from (p["ErrorCode"] for p in topic["Partitions"])

        answer = self._ask("Metadata", 12, {"Topics": None}, codes)
        return {
            t["Name"]: (t["TopicId"], len(t["Partitions"])) for t in answer["Topics"]
        }

    def _described(self, kind, name):
        resource = {"ResourceType": kind, "ResourceName": name}
        answer = self._ask(
            "DescribeConfigs",
            4,
            {"Resources": [resource]},
            lambda a: [r["ErrorCode"] for r in a["Results"]],
        )
        entries = answer["Results"][0]["Configs"]
        return {e["Name"]: e["Value"] for e in entries if e["ConfigSource"] in OVERRIDES}

    def _configs(self):
        """What was set, of topics, of the broker and of all, of groups."""
        listed = self._ask(
            "ListConfigResources",
            1,
            {"ResourceTypes": [GROUP]},
            lambda a: [a["ErrorCode"]],
        )
        names = [(TOPIC, topic) for topic in self.topics] + [(BROKER, ""), (BROKER, "1")]
        names += [(GROUP, r["ResourceName"]) for r in listed["ConfigResources"]]
        return {name: self._described(*name) for name in names}

    def _records(self):
        """First offset, last offset and every batch, byte for byte; of what clients
        write, not of what brokers do."""
        found = {}
        for topic, (_, partitions) in self.topics.items():
            if topic.startswith("__"):
                continue
            for number in range(partitions):
                start, end = (
                    wire.list_offset(self.connection, topic, number, at)[2]
                    for at in (EARLIEST, LATEST)
                )
                data = wire.fetch_all(self.connection, topic, number, start)
                found[topic, number] = (start, end, data)
        return found

    def _groups(self):
        answer = self._ask("ListGroups", 5, {}, lambda a: [a["ErrorCode"]])
        return {
            g["GroupId"]: (g["GroupType"], g["ProtocolType"], g["GroupState"])
            for g in answer["Groups"]
        }

    def _offsets(self, group):
        answer = self._ask(
            "OffsetFetch",
            9,
            {"Groups": [{"GroupId": group, "Topics": None}]},
            lambda a: [g["ErrorCode"] for g in a["Groups"]],
        )
        return {
            (topic["Name"], p["PartitionIndex"]): (p["CommittedOffset"], p["Metadata"])
            for topic in answer["Groups"][0]["Topics"]
            for p in topic["Partitions"]
        }


def differences(one, other):
    """What two brokers' contents differ in, as sentences; none: they are the same."""
    found = []
    left, right = one.facts(), other.facts()
    for kind in left:
        for key in sorted(set(left[kind]) | set(right[kind]), key=str):
            a, b = left[kind].get(key), right[kind].get(key)
            if a != b:
                found.append(f"{kind} {key}: {str(a)[:300]} was, {str(b)[:300]} is")
    return found
