"""kill -9 in the middle of commits and rebalances, on one data directory.

Groups of both protocols run into each kill. Simple consumers commit as fast as they
can; restless members rejoin, leave and come again without a pause; steady ones stay
as they are for the whole test. What was acknowledged to any of them holds after the
restart: offsets, generations and epochs, memberships, who owns what. SEED repeats a
run; KILL_ROUNDS makes it longer.
"""

import os
import random
import threading

from harness.actors import (
    PARTITIONS,
    TOPIC,
    Committer,
    Modern,
    Restless,
    Shares,
    Steady,
    settle,
    settle_modern,
)
from harness.broker import free_port

ROUNDS = int(os.environ.get("KILL_ROUNDS", 30))
COMMITTERS = 2
RESTLESS = 3
SETTINGS = {"group.consumer.assignment.interval.ms": "0"}


def test_nothing_acknowledged_to_a_group_is_lost(gregor):
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"SEED={seed}")
    rng = random.Random(seed)

    def fresh():
        return random.Random(rng.random())

    broker = gregor(
        port=free_port(), topics=[f"{TOPIC}:{PARTITIONS}"], settings=SETTINGS
    )
    committers = [Committer(f"simple-{n}", fresh()) for n in range(COMMITTERS)]
    leaders = {}
    restless = [Restless("restless", fresh(), n, leaders) for n in range(RESTLESS)]
    steady = [
        Steady("steady", fresh(), 0),
        Steady("steady", fresh(), 1, GroupInstanceId="two"),
    ]
    shares = Shares()
    modern = [Modern("modern", fresh(), shares, leaves=0.2) for _ in range(RESTLESS)]
    shares_of_steady = Shares()
    settled = [
        Modern("settled", fresh(), shares_of_steady),
        Modern("settled", fresh(), shares_of_steady, InstanceId="two"),
    ]
    actors = committers + restless + steady + modern + settled
    for actor in actors:
        actor.connect(broker)
    generation = settle(*steady)
    epoch = settle_modern(settled)
    owned = [member.owned for member in settled]
    unsettled = 0
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
        state = modern[0].client.describe_consumers()["GroupState"]
        unsettled += state in {"Assigning", "Reconciling"}
        for actor in actors:
            actor.check()
    assert {member.client.generation for member in steady} == {generation}
    assert {member.client.generation for member in settled} == {epoch}
    assert [member.owned for member in settled] == owned
    settle_modern(modern)
    assert min(c.commits for c in committers) > ROUNDS
    assert len(leaders) > ROUNDS
    assert min(m.beats for m in modern + settled) > ROUNDS
    assert unsettled > 0, "some kill was in the middle of a rebalance"
    commits = sum(c.commits for c in committers)
    print(f"{commits} commits, generation {max(m.synced for m in restless)}")
    print(f"epoch {modern[0].client.generation}, {unsettled} kills in a rebalance")
    for actor in actors:
        actor.client.close()
