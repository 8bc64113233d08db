"""kill -9 in the middle of commits and rebalances, on one data directory.

Three kinds of groups run into each kill: simple consumers that commit as fast
as they can; members that rejoin, leave and come again without a pause; and two
members that stay as they are for the whole test. What was acknowledged to any
of them holds after the restart: offsets, generations, memberships. SEED repeats
a run; KILL_GROUP_ROUNDS makes it longer.
"""

import os
import random
import threading

from harness import wire
from harness.broker import free_port
from harness.group import Client
from harness.messages import errors

ROUNDS = int(os.environ.get("KILL_GROUP_ROUNDS", 10))
TOPIC, PARTITIONS = "t", 4
COMMITTERS = 2
RESTLESS = 3
# A member that a kill made forget its id is waited for no longer than this.
REBALANCE_MS = 250
REFUSED = {
    errors.REBALANCE_IN_PROGRESS,
    errors.UNKNOWN_MEMBER_ID,
    errors.ILLEGAL_GENERATION,
}


class Actor:
    """A client in a thread that acts until its broker is gone."""

    def __init__(self, group, rng):
        self.group = group
        self.rng = rng
        self.client = None
        self.failure = None

    def connect(self, broker):
        """After a restart: a new connection, and all else as it was."""
        before, self.client = self.client, Client(broker, self.group)
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


def test_nothing_acknowledged_to_a_group_is_lost(gregor):
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"SEED={seed}")
    rng = random.Random(seed)

    def fresh():
        return random.Random(rng.random())

    broker = gregor(port=free_port(), topics=[f"{TOPIC}:{PARTITIONS}"])
    committers = [Committer(f"simple-{n}", fresh()) for n in range(COMMITTERS)]
    leaders = {}
    restless = [Restless("restless", fresh(), n, leaders) for n in range(RESTLESS)]
    steady = [
        Steady("steady", fresh(), 0),
        Steady("steady", fresh(), 1, GroupInstanceId="two"),
    ]
    actors = committers + restless + steady
    for actor in actors:
        actor.connect(broker)
    generation = settle(*steady)
    for _ in range(ROUNDS):
        for actor in actors:
            actor.start()
        # Not to wait for anything, but to be killed at any point of it.
        threading.Event().wait(rng.uniform(0.01, 0.3))
        broker.kill()
        for actor in actors:
            actor.join()
        broker.start()
        for actor in actors:
            actor.connect(broker)
            actor.check()
    assert {member.client.generation for member in steady} == {generation}
    assert min(c.commits for c in committers) > ROUNDS
    assert len(leaders) > ROUNDS
    commits = sum(c.commits for c in committers)
    print(f"{commits} commits, generation {max(m.synced for m in restless)}")
    for actor in actors:
        actor.client.close()
