"""A member of a consumer group (KIP-848), byte by byte: it does what it is told.

    one = Consumer(broker, "group")
    one.join("topic")            # its assignment is in one.assigned
    one.own()                    # says that it has it
    one.leave()
"""

import base64
import uuid

from harness.group import GroupClient
from harness.messages import errors

LEAVE, LEAVE_FOR_A_WHILE = -1, -2  # member epochs
REBALANCE_MS = 3000


def member_id():
    """As Java's clients make up theirs."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")


def by_topic(partitions):
    """{topic id: [partition, …]} as an array of a message."""
    return [{"TopicId": t, "Partitions": p} for t, p in partitions.items()]


def partitions_of(assignment):
    """The other way around; of what ConsumerGroupDescribe says, too."""
    return {t["TopicId"]: sorted(t["Partitions"]) for t in assignment["TopicPartitions"]}


class Consumer(GroupClient):
    """Its generation is its member epoch."""

    def __init__(self, broker, group, member=None, **claims):
        super().__init__(broker, group)
        self.member = member_id() if member is None else member
        self.claims = claims  # what it says of itself when it joins
        self.generation = 0
        self.assigned = {}  # as it was told last

    def beat(self, version=None, **more):
        """One heartbeat; the answer."""
        values = {
            "GroupId": self.group,
            "MemberId": self.member,
            "MemberEpoch": self.generation,
            **more,
        }
        answer = self.ask("ConsumerGroupHeartbeat", values, version)
        if answer["ErrorCode"] == errors.NONE:
            self.member = answer["MemberId"]
            self.generation = answer["MemberEpoch"]
            if answer["Assignment"] is not None:
                self.assigned = partitions_of(answer["Assignment"])
        return answer

    def join(self, *topics, version=None, **more):
        claims = {
            "RebalanceTimeoutMs": REBALANCE_MS,
            "TopicPartitions": [],
            "SubscribedTopicNames": list(topics),
            **self.claims,
            **more,
        }
        self.generation = 0
        return self.beat(version, **claims)

    def own(self, **more):
        """Says that it owns exactly what it was told to."""
        return self.beat(TopicPartitions=by_topic(self.assigned), **more)

    def owns(self):
        return sum(len(partitions) for partitions in self.assigned.values())

    def leave(self, member_epoch=LEAVE, **more):
        return self.beat(MemberEpoch=member_epoch, **more)

    def describe_me(self):
        members = self.describe_consumers()["Members"]
        return {m["MemberId"]: m for m in members}.get(self.member)


def settle(*consumers):
    """Each says what it owns until all have the group's assignment and nothing is
    left to be given up."""
    while True:
        for consumer in consumers:
            assert consumer.own()["ErrorCode"] == errors.NONE
        group = consumers[0].describe_consumers()
        if group["GroupState"] == "Stable":
            return group
