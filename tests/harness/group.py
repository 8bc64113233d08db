"""Groups, byte by byte: a member of a classic group, that does what it is told, and
what every client can ask of any group (see consumer.py for the other protocol)."""

import struct
import threading

from harness import messages, wire
from harness.messages import errors, versions
from harness.wire import Connection

SESSION_MS = 10000
GROUP_RESOURCE = 32  # of settings
NO_MEMBER = ""


def subscription(*topics, version=0, owned=None, generation=-1, rack=None):
    """A ConsumerProtocolSubscription; `owned` is {topic: [partition, …]}."""
    data = struct.pack(">h", version) + wire.array([wire.string(t) for t in topics])
    data += struct.pack(">i", -1)  # no user data
    if version >= 1:
        data += wire.array([topic_partitions(*item) for item in (owned or {}).items()])
    if version >= 2:
        data += struct.pack(">i", generation)
    return data + wire.string(rack) if version >= 3 else data


def topic_partitions(topic, partitions):
    return wire.string(topic) + wire.array([struct.pack(">i", p) for p in partitions])


def assignment(data):
    """{topic: [partition, …]} of a ConsumerProtocolAssignment."""
    if not data:
        return {}
    reader = wire.Reader(data)
    reader.int16()  # its version
    found = reader.array(lambda: (reader.string(), sorted(reader.array(reader.int32))))
    reader.bytes()
    reader.end()
    return dict(found)


def in_background(call):
    """The result of a call that waits, when it is asked for."""
    results = []
    thread = threading.Thread(target=lambda: results.append(call()), daemon=True)
    thread.start()

    def result():
        thread.join(20)
        assert results, "still waiting"
        return results[0]

    return result


class GroupClient:
    """One connection, and the group that it speaks of. It commits as the member and
    with the generation that it has been given, if any."""

    def __init__(self, broker, group):
        self.connection = Connection(broker.address)
        self.group = group
        self.member = NO_MEMBER
        self.generation = -1

    def close(self):
        self.connection.close()

    def ask(self, api, values, version=None):
        version = versions[api][-1] if version is None else version
        return messages.ask(self.connection, api, version, values)

    def coordinate(self):
        answer = self.ask(
            "FindCoordinator", {"KeyType": 0, "CoordinatorKeys": [self.group]}
        )
        return answer["Coordinators"][0]

    def topic_id(self, topic):
        answer = self.ask("Metadata", {"Topics": [{"Name": topic}]})
        return answer["Topics"][0]["TopicId"]

    def commit(self, topic, offset, version=9, partition=0, metadata="", **more):
        values = {
            "GroupId": self.group,
            "GenerationIdOrMemberEpoch": self.generation,
            "MemberId": self.member,
            "Topics": [
                {
                    "Name": topic,
                    "Partitions": [
                        {
                            "PartitionIndex": partition,
                            "CommittedOffset": offset,
                            "CommittedMetadata": metadata,
                        }
                    ],
                }
            ],
            **more,
        }
        answer = self.ask("OffsetCommit", values, version)
        return answer["Topics"][0]["Partitions"][0]["ErrorCode"]

    def committed(self, topic, partition=0):
        """(error, offset, metadata)"""
        found = self.fetch([{"Name": topic, "PartitionIndexes": [partition]}])
        assert found["ErrorCode"] == errors.NONE
        p = found["Topics"][0]["Partitions"][0]
        return p["ErrorCode"], p["CommittedOffset"], p["Metadata"]

    def fetch(self, topics, version=9, **more):
        group = {"GroupId": self.group, "Topics": topics, **more}
        return self.ask("OffsetFetch", {"Groups": [group]}, version)["Groups"][0]

    def describe(self, version=None):
        answer = self.ask("DescribeGroups", {"Groups": [self.group]}, version)
        return answer["Groups"][0]

    def describe_consumers(self, version=None):
        values = {"GroupIds": [self.group]}
        return self.ask("ConsumerGroupDescribe", values, version)["Groups"][0]

    def state(self):
        return self.describe()["GroupState"]

    def listed(self, version=None, **filters):
        """What ListGroups says of this group; None if it does not list it."""
        answer = self.ask("ListGroups", filters, version)
        assert answer["ErrorCode"] == errors.NONE
        return {g["GroupId"]: g for g in answer["Groups"]}.get(self.group)

    def configure(self, operation=0, **settings):
        """Sets settings of this group (session_timeout_ms=… for consumer.session…); the
        error. An operation of 1 takes them away."""
        configs = [
            {
                "Name": "consumer." + key.replace("_", "."),
                "ConfigOperation": operation,
                "Value": None if value is None else str(value),
            }
            for key, value in settings.items()
        ]
        resource = {
            "ResourceType": GROUP_RESOURCE,
            "ResourceName": self.group,
            "Configs": configs,
        }
        answer = self.ask("IncrementalAlterConfigs", {"Resources": [resource]})
        return answer["Responses"][0]["ErrorCode"]

    def configured(self):
        """{setting of this group: (value, source)}"""
        resource = {"ResourceType": GROUP_RESOURCE, "ResourceName": self.group}
        resource["ConfigurationKeys"] = None
        answer = self.ask("DescribeConfigs", {"Resources": [resource]})
        (result,) = answer["Results"]
        assert result["ErrorCode"] == errors.NONE
        return {c["Name"]: (c["Value"], c["ConfigSource"]) for c in result["Configs"]}

    def delete(self, version=None):
        answer = self.ask("DeleteGroups", {"GroupsNames": [self.group]}, version)
        return answer["Results"][0]["ErrorCode"]


class Client(GroupClient):
    """A member of a classic group."""

    def join(self, version=None, protocols=("range",), topics=("t",), **more):
        values = {
            "GroupId": self.group,
            "SessionTimeoutMs": SESSION_MS,
            "RebalanceTimeoutMs": 3000,
            "MemberId": self.member,
            "ProtocolType": "consumer",
            "Protocols": [
                {"Name": name, "Metadata": subscription(*topics)} for name in protocols
            ],
            **more,
        }
        answer = self.ask("JoinGroup", values, version)
        if answer["ErrorCode"] == errors.MEMBER_ID_REQUIRED:
            self.member = answer["MemberId"]
            return self.join(version, protocols, topics, **more)
        if answer["ErrorCode"] == errors.NONE:
            self.member = answer["MemberId"]
            self.generation = answer["GenerationId"]
        return answer

    def sync(self, assignments=None, version=None, **more):
        values = {
            "GroupId": self.group,
            "GenerationId": self.generation,
            "MemberId": self.member,
            "ProtocolType": "consumer",
            "ProtocolName": "range",
            "Assignments": [
                {"MemberId": m, "Assignment": a} for m, a in (assignments or {}).items()
            ],
            **more,
        }
        return self.ask("SyncGroup", values, version)

    def heartbeat(self, version=None, **more):
        values = {
            "GroupId": self.group,
            "GenerationId": self.generation,
            "MemberId": self.member,
            **more,
        }
        return self.ask("Heartbeat", values, version)["ErrorCode"]

    def leave(self, version=None, **more):
        me = {"MemberId": self.member, **more}
        values = {"GroupId": self.group, "MemberId": self.member, "Members": [me]}
        return self.ask("LeaveGroup", values, version)

    def become_stable(self):
        assert self.join()["ErrorCode"] == errors.NONE
        assert self.sync({self.member: b"all"})["ErrorCode"] == errors.NONE
