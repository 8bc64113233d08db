"""Members of groups that act until their broker is gone, and know what of it was
acknowledged: check() holds the broker to that when it is back."""

import threading

from harness import wire
from harness.consumer import Consumer, by_topic
from harness.group import Client
from harness.messages import errors

TOPIC, PARTITIONS = "t", 4
# A member that a kill made forget its id is waited for no longer than this.
REBALANCE_MS = 250
REFUSED = {
    errors.REBALANCE_IN_PROGRESS,
    errors.UNKNOWN_MEMBER_ID,
    errors.ILLEGAL_GENERATION,
}


class Actor:
    """A client in a thread that acts until its broker is gone."""

    speaks = Client

    def __init__(self, group, rng):
        self.group = group
        self.rng = rng
        self.client = None
        self.failure = None

    def connect(self, broker):
        """After a restart: a new connection, and all else as it was."""
        before, self.client = self.client, self.speaks(broker, self.group)
        assert self.client.coordinate()["ErrorCode"] == errors.NONE
        if before:
            self.client.member = before.member
            self.client.generation = before.generation
            before.close()

    def start(self):
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def _run(self):
        try:
            while True:
                self.act()
        except wire.Closed:
            pass  # killed
        except BaseException as failure:
            self.failure = failure

    def join(self):
        self.thread.join(60)
        assert not self.thread.is_alive()
        if self.failure:
            raise self.failure


class Offsets:
    """One partition's commits in a group: each is one more than the last."""

    def __init__(self):
        self.sent = self.acked = 0

    def commit(self, client, partition, **more):
        self.sent += 1
        code = client.commit(TOPIC, self.sent, partition=partition, **more)
        if code == errors.NONE:
            self.acked = self.sent
        return code

    def check(self, client, partition):
        code, found, _ = client.committed(TOPIC, partition)
        assert code == errors.NONE
        assert self.acked <= max(found, 0) <= self.sent, f"{client.group} {partition}"
        self.acked = max(found, 0)


class Committer(Actor):
    """A simple consumer: no member, only offsets."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.offsets = [Offsets() for _ in range(PARTITIONS)]
        self.commits = 0

    def act(self):
        partition = self.rng.randrange(PARTITIONS)
        alone = {"MemberId": "", "GenerationIdOrMemberEpoch": -1}
        code = self.offsets[partition].commit(self.client, partition, **alone)
        assert code == errors.NONE
        self.commits += 1

    def check(self):
        for partition, offsets in enumerate(self.offsets):
            offsets.check(self.client, partition)


class Restless(Actor):
    """A member for a few commits, then one that rejoins or leaves."""

    def __init__(self, group, rng, partition, leaders):
        super().__init__(group, rng)
        self.partition = partition
        self.offsets = Offsets()
        self.synced = 0  # the last generation that it was a member of for certain
        self.generations = 0
        self.leaders = leaders  # of each generation that was acknowledged

    def act(self):
        if not self.become_member():
            return
        for _ in range(self.rng.randrange(1, 6)):
            code = self.offsets.commit(self.client, self.partition)
            if code != errors.NONE:
                assert code in REFUSED, code
                return
        if self.rng.random() < 0.3:
            self.client.leave()
            self.client.member = ""

    def become_member(self):
        joined = self.client.join(RebalanceTimeoutMs=REBALANCE_MS)
        if joined["ErrorCode"] != errors.NONE:
            assert joined["ErrorCode"] in REFUSED, joined
            self.client.member = ""
            return False
        generation = joined["GenerationId"]
        leader = joined["Leader"]
        assert generation >= self.synced, "generations go on"
        assert self.leaders.get(generation, leader) == leader, "no number comes twice"
        parts = {m["MemberId"]: b"part" for m in joined["Members"]}
        synced = self.client.sync(parts)
        if synced["ErrorCode"] != errors.NONE:
            assert synced["ErrorCode"] in REFUSED, synced
            return False
        self.synced = generation
        self.leaders[generation] = leader
        self.generations += 1
        return True

    def check(self):
        self.offsets.check(self.client, self.partition)


class Steady(Actor):
    """Joined once; a member of that generation for as long as it is heard of."""

    def __init__(self, group, rng, partition, **identity):
        super().__init__(group, rng)
        self.partition = partition
        self.identity = identity
        self.offsets = Offsets()

    def act(self):
        self.check_membership()
        code = self.offsets.commit(self.client, self.partition, **self.identity)
        assert code == errors.NONE, code

    def check_membership(self):
        assert self.client.heartbeat(**self.identity) == errors.NONE

    def check(self):
        self.check_membership()
        self.offsets.check(self.client, self.partition)


def settle(first, second):
    """Both in one generation: the second one joins, the first one hears of it."""
    first.client.become_stable()
    joined = {}

    def enter(member):
        joined[member] = member.client.join(**member.identity)

    entering = threading.Thread(target=enter, args=[second], daemon=True)
    entering.start()
    while first.client.heartbeat() != errors.REBALANCE_IN_PROGRESS:
        pass
    enter(first)
    entering.join(20)
    generation = joined[first]["GenerationId"]
    assert joined[second]["GenerationId"] == generation
    assert joined[first]["Leader"] == first.client.member
    parts = {member.client.member: b"part" for member in joined}
    assert first.client.sync(parts)["ErrorCode"] == errors.NONE
    assert second.client.sync(**second.identity)["Assignment"] == b"part"
    return generation


# -- the consumer protocol -------------------------------------------------------------


class Shares:
    """What a group of the consumer protocol has: who owns a partition, and what was
    committed there by its owners, one after the other."""

    def __init__(self):
        self.lock = threading.Lock()
        self.owner = {}
        self.offsets = [Offsets() for _ in range(PARTITIONS)]

    def give(self, partition, member):
        with self.lock:
            other = self.owner.setdefault(partition, member)
            assert other is member, f"{partition} has an owner already"

    def take(self, partition, member):
        with self.lock:
            assert self.owner.pop(partition) is member


# All that a member ever says of itself.
CLAIMS = {"RebalanceTimeoutMs": 30000, "SubscribedTopicNames": [TOPIC]}


class Modern(Actor):
    """A member that owns what the broker tells it to; `leaves` says how often it
    leaves, to come again."""

    speaks = Consumer

    def __init__(self, group, rng, shares, leaves=0.0, **identity):
        super().__init__(group, rng)
        self.shares = shares
        self.leaves = leaves
        self.identity = identity
        self.topic_id = None  # not yet known
        self.owned = set()
        self.leaving = False
        self.beats = 0

    def act(self):
        self.beat(full=self.rng.random() < 0.5)
        if self.owned:
            partition = self.rng.choice(sorted(self.owned))
            code = self.shares.offsets[partition].commit(self.client, partition)
            assert code == errors.NONE, code
        if self.rng.random() < self.leaves:
            self.leave()

    def beat(self, full):
        """Says what it owns, and owns what it is told to."""
        epoch = self.client.generation
        if self.topic_id is None:
            self.topic_id = self.client.topic_id(TOPIC)
        owned = {self.topic_id: sorted(self.owned)} if self.owned else {}
        claims = CLAIMS if full or epoch == 0 else {}
        answer = self.client.beat(
            TopicPartitions=by_topic(owned), **claims, **self.identity
        )
        assert answer["ErrorCode"] == errors.NONE, answer
        assert answer["MemberEpoch"] >= epoch, "epochs go on"
        self.beats += 1
        if answer["Assignment"] is not None:
            self.take_over(answer["Assignment"])

    def take_over(self, assignment):
        parts = [t["Partitions"] for t in assignment["TopicPartitions"]]
        wanted = {number for numbers in parts for number in numbers}
        for partition in self.owned - wanted:
            self.shares.take(partition, self)
        for partition in wanted - self.owned:
            self.shares.give(partition, self)
        self.owned = wanted

    def leave(self):
        """Once begun, it is repeated until it is acknowledged."""
        if not self.leaving:
            self.take_over({"TopicPartitions": []})
            self.leaving = True
        code = self.client.leave()["ErrorCode"]
        assert code in {errors.NONE, errors.UNKNOWN_MEMBER_ID}
        self.client.generation = 0
        self.leaving = False

    def check(self):
        """The epoch that it has, and what it owns, are still its own."""
        if self.leaving:
            self.leave()
        elif self.client.generation > 0:
            self.beat(full=True)
        for partition in self.owned:
            self.shares.offsets[partition].check(self.client, partition)


def settle_modern(members):
    """Until they share all partitions and none is told anything new."""
    for _ in range(100):
        for member in members:
            member.beat(full=False)
        sizes = [len(member.owned) for member in members]
        epochs = {member.client.generation for member in members}
        if len(epochs) == 1 and sum(sizes) == PARTITIONS and max(sizes) - min(sizes) < 2:
            return epochs.pop()
    raise AssertionError(f"{members[0].group}: {sizes} of {epochs}")
