"""Consumer groups with Apache Kafka's command-line tools."""

import datetime
import re
import time

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition

from harness import kafka
from harness.admin import committed, create
from harness.consumer import Consumer
from harness.member import Members
from harness.messages import errors

HOUR = 3600
OLD, NEW = 10, 20  # the first OLD records of a partition are two days old
COMMITTED = {0: 5, 1: 7}


@pytest.fixture(scope="module", autouse=True)
def tools():
    why = kafka.available()
    if why:
        pytest.skip(why)


@pytest.fixture
def groups(broker):
    """groups("--list", …) runs kafka-consumer-groups; its lines, in words."""

    def run(*arguments, check=True):
        where = ("--bootstrap-server", broker.bootstrap)
        done = kafka.run("kafka-consumer-groups", *where, *arguments, check=check)
        said = done.stdout if check else done.stdout + done.stderr
        return [line.split() for line in said.splitlines() if line.strip()]

    return run


def fill(broker, topic, partitions):
    """OLD records of two days ago and as many as make NEW of an hour ago."""
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    now = time.time()
    for number in range(NEW):
        age = 48 * HOUR if number < OLD else HOUR
        for partition in range(partitions):
            producer.produce(
                topic,
                f"{partition}-{number}",
                partition=partition,
                timestamp=int((now - age) * 1000),
            )
    assert producer.flush(30) == 0


@pytest.fixture(params=["classic", "consumer"])
def protocol(request):
    """Of the groups that a test is about."""
    return request.param


@pytest.fixture
def filled(admin, broker, topic, protocol):
    """A topic of two partitions, and a group of its name that is empty."""
    create(admin, topic, 2)
    if protocol == "consumer":
        with Members("confluent-kafka", broker, topic, topic) as members:
            members.join(protocol)
            members.until_shared(2)
            members.leave(members.present[0])
    fill(broker, topic, 2)
    commit(admin, topic, COMMITTED)
    return topic


def commit(admin, group, offsets):
    places = [TopicPartition(group, number, at) for number, at in offsets.items()]
    asked = ConsumerGroupTopicPartitions(group, places)
    admin.alter_consumer_group_offsets([asked])[group].result(30)


def rows(lines, *columns):
    """A printed table as dictionaries; the columns are of the first line."""
    (at,) = [i for i, line in enumerate(lines) if line[: len(columns)] == list(columns)]
    return [dict(zip(lines[at], line)) for line in lines[at + 1 :]]


# -- consuming -------------------------------------------------------------------------


CONSOLE = [
    "partition.assignment.strategy=org.apache.kafka.clients.consumer.RangeAssignor",
    "partition.assignment.strategy="
    "org.apache.kafka.clients.consumer.CooperativeStickyAssignor",
    "group.protocol=consumer",
]


@pytest.mark.parametrize("of", ["--topic", "--include"])
@pytest.mark.parametrize("how", CONSOLE, ids=["range", "cooperative", "consumer"])
def test_console_consumers_go_on_where_the_last_one_ended(broker, admin, topic, how, of):
    create(admin, topic, 1)
    fill(broker, topic, 1)

    def consume(count):
        return kafka.run(
            "kafka-console-consumer",
            *("--bootstrap-server", broker.bootstrap),
            *(of, topic if of == "--topic" else f"{topic[:-1]}.+"),
            *("--group", topic, "--from-beginning", "--max-messages", count),
            *("--timeout-ms", 20000, "--command-property", how),
        ).stdout.split()

    assert consume(12) == [f"0-{number}" for number in range(12)]
    assert committed(admin, topic) == {0: 12}
    assert consume(8) == [f"0-{number}" for number in range(12, 20)]
    assert committed(admin, topic) == {0: 20}


def test_consumer_perf_test(broker, admin, topic, protocol):
    create(admin, topic, 2)
    fill(broker, topic, 2)
    said = kafka.run(
        "kafka-consumer-perf-test",
        *("--bootstrap-server", broker.bootstrap, "--topic", topic),
        *("--group", topic, "--num-records", 2 * NEW, "--timeout", 20000),
        *("--command-property", f"group.protocol={protocol}"),
    ).stdout
    figures = dict(zip(*(line.split(", ") for line in said.splitlines()[:2])))
    assert int(figures["data.consumed.in.nMsg"]) == 2 * NEW
    assert committed(admin, topic) == {0: NEW, 1: NEW}


# -- list and describe -----------------------------------------------------------------


# What the tools say of a group with members: its assignor, and why not.
SAID = {
    "classic": ("range", "range", "inactive"),
    "consumer": ("consumer", "uniform", "inactive"),
}


def test_a_group_with_members_is_described(groups, admin, broker, filled, protocol):
    strategy, assignor, still_active = SAID[protocol]
    with Members("confluent-kafka", broker, filled, filled) as members:
        members.join(strategy, "left")
        members.join(strategy, "right")
        members.until_shared(2)
        members.until_read(2 * NEW - sum(COMMITTED.values()))
        fill(broker, filled, 2)  # read, perhaps, but not committed
        offset_of = committed(admin, filled)

        listed = rows(groups("--list", "--state", "stable"), "GROUP", "STATE")
        assert {"GROUP": filled, "STATE": "Stable"} in listed

        describe = ("--describe", "--group", filled)
        offsets = rows(groups(*describe, "--verbose"), "GROUP", "TOPIC", "PARTITION")
        shown = {int(row["PARTITION"]): row for row in offsets}
        for number, at in offset_of.items():
            assert shown[number]["CURRENT-OFFSET"] == str(at)
            assert shown[number]["LOG-END-OFFSET"] == str(2 * NEW)
            assert shown[number]["LAG"] == str(2 * NEW - at)
            assert shown[number]["HOST"] == "/127.0.0.1"
        assert {row["GROUP"] for row in offsets} == {filled}

        described = rows(groups(*describe, "--members", "--verbose"), "GROUP")
        ids = {row["CONSUMER-ID"]: row["GROUP-INSTANCE-ID"] for row in described}
        assert sorted(ids.values()) == ["left", "right"]
        assert {row["CLIENT-ID"] for row in described} == {"rdkafka"}
        assert [row["#PARTITIONS"] for row in described] == ["1", "1"]
        assert {row["CONSUMER-ID"] for row in offsets} == set(ids), "the same members"

        (state,) = rows(groups(*describe, "--state"), "GROUP", "COORDINATOR")
        assert re.fullmatch(r"127\.0\.0\.1:\d+", state["COORDINATOR"])
        line = groups(*describe, "--state")[-1]
        assert line[-3:] == [assignor, "Stable", "2"]

        refused = groups("--delete", "--group", filled, check=False)
        assert "GroupNotEmptyException" in str(refused)
        topic = ("--topic", filled)
        refused = groups("--reset-offsets", "--group", filled, "--to-latest", *topic,
                         "--execute", check=False)
        assert still_active in str(refused)
        refused = groups("--delete-offsets", "--group", filled, *topic, check=False)
        assert "subscribed" in str(refused)


def test_an_empty_group_is_listed_and_described(groups, filled, protocol):
    listed = rows(groups("--list", "--state"), "GROUP", "STATE")
    assert {"GROUP": filled, "STATE": "Empty"} in listed
    listed = rows(groups("--list", "--type", protocol), "GROUP", "TYPE")
    assert {"GROUP": filled, "TYPE": protocol.capitalize()} in listed
    assert {row["TYPE"] for row in listed} == {protocol.capitalize()}
    shown = groups("--describe", "--all-groups", "--offsets")
    mine = [line for line in shown if line[0] == filled]
    lags = {int(line[2]): (line[3], line[4], line[5]) for line in mine}
    assert lags == {n: (str(at), "20", str(20 - at)) for n, at in COMMITTED.items()}


def test_a_group_that_is_not_there(groups):
    said = groups("--describe", "--group", "nobody", check=False)
    assert "does not exist" in " ".join(said[-1]) or "not found" in " ".join(said[-1])
    said = groups("--delete", "--group", "nobody", check=False)
    assert "GroupIdNotFoundException" in str(said)


def test_kafka_groups_lists_both_types(broker, filled, protocol):
    where = ("--bootstrap-server", broker.bootstrap, "--list")
    said = kafka.run("kafka-groups", *where).stdout
    listed = rows([line.split() for line in said.splitlines()], "GROUP", "TYPE")
    types = {row["GROUP"]: row["TYPE"] for row in listed}
    assert types[filled] == protocol.capitalize()
    of_type = ("--group-type", protocol)
    assert filled in kafka.run("kafka-groups", *where, *of_type).stdout
    of_type = ("--group-type", "share")
    assert filled not in kafka.run("kafka-groups", *where, *of_type).stdout


# -- settings --------------------------------------------------------------------------


@pytest.fixture
def configs(broker, topic):
    """configs("--describe") runs kafka-configs on the group of the topic's name."""

    def run(*arguments, check=True):
        of_group = ("--entity-type", "groups", "--entity-name", topic)
        where = ("--bootstrap-server", broker.bootstrap)
        return kafka.run("kafka-configs", *where, *of_group, *arguments, check=check)

    return run


def test_settings_of_a_group(configs):
    assert "consumer.session" not in configs("--describe").stdout
    wanted = "consumer.session.timeout.ms=50000"
    beat = "consumer.heartbeat.interval.ms=6000"
    configs("--alter", "--add-config", f"{wanted},{beat}")
    said = configs("--describe").stdout
    assert wanted in said and beat in said
    assert "DYNAMIC_GROUP_CONFIG" in said
    said = configs("--describe", "--all").stdout
    assert wanted in said and "consumer.session.timeout.ms=45000" in said, "its synonym"
    too_short = configs(
        "--alter", "--add-config", "consumer.session.timeout.ms=1", check=False
    )
    assert "InvalidConfigurationException" in too_short.stdout + too_short.stderr
    configs("--alter", "--delete-config", "consumer.session.timeout.ms")
    said = configs("--describe").stdout
    assert wanted not in said and beat in said


def test_a_group_s_setting_is_what_its_members_are_told(configs, broker, topic):
    configs("--alter", "--add-config", "consumer.heartbeat.interval.ms=7000")
    member = Consumer(broker, topic)
    assert member.coordinate()["ErrorCode"] == errors.NONE
    assert member.join(topic)["HeartbeatIntervalMs"] == 7000
    configs("--alter", "--add-config", "consumer.heartbeat.interval.ms=8000")
    assert member.beat()["HeartbeatIntervalMs"] == 8000
    assert member.leave()["ErrorCode"] == errors.NONE
    member.close()


# -- reset -----------------------------------------------------------------------------


def reset(groups, group, *how):
    """Asked for without effect first, then with it; what is to be, and is."""
    reset = ("--reset-offsets", "--group", group, *how)
    planned = rows(groups(*reset, "--dry-run"), "GROUP", "TOPIC", "PARTITION")
    yield planned_offsets(planned)
    done = rows(groups(*reset, "--execute"), "GROUP", "TOPIC", "PARTITION")
    yield planned_offsets(done)


def planned_offsets(table):
    return {int(row["PARTITION"]): int(row["NEW-OFFSET"]) for row in table}


def twelve_hours_ago():
    then = datetime.datetime.now(datetime.UTC) - datetime.timedelta(hours=12)
    return then.strftime("%Y-%m-%dT%H:%M:%S.000")


RESETS = [
    (["--to-earliest"], {0: 0, 1: 0}),
    (["--to-latest"], {0: NEW, 1: NEW}),
    (["--to-current"], COMMITTED),
    (["--to-offset", "3"], {0: 3, 1: 3}),
    (["--to-offset", "999"], {0: NEW, 1: NEW}),
    (["--shift-by", "-6"], {0: 0, 1: 1}),
    (["--shift-by", "4"], {0: 9, 1: 11}),
    (["--by-duration", "PT12H"], {0: OLD, 1: OLD}),
    (["--to-datetime", twelve_hours_ago()], {0: OLD, 1: OLD}),
]


@pytest.mark.parametrize("how, wanted", RESETS, ids=[how[0][2:] for how, _ in RESETS])
def test_reset(groups, admin, filled, how, wanted):
    steps = reset(groups, filled, "--topic", filled, *how)
    assert next(steps) == wanted, "what the dry run says"
    assert committed(admin, filled) == COMMITTED, "and does not do"
    assert next(steps) == wanted
    assert committed(admin, filled) == wanted


def test_reset_from_an_exported_file(groups, admin, filled, tmp_path):
    of_group = ("--reset-offsets", "--group", filled)
    exported = groups(*of_group, "--topic", f"{filled}:1", "--to-current", "--export")
    assert exported[-1] == [f'"{filled}",1,7']
    path = tmp_path / "offsets.csv"
    path.write_text(f"{filled},0,11\n{filled},1,2\n")
    steps = reset(groups, filled, "--from-file", path)
    assert next(steps) == {0: 11, 1: 2}
    assert next(steps) == {0: 11, 1: 2}
    assert committed(admin, filled) == {0: 11, 1: 2}


# -- delete ----------------------------------------------------------------------------


def test_offsets_and_groups_are_deleted(groups, broker, admin, filled):
    of_group = ("--group", filled)
    done = groups("--delete-offsets", *of_group, "--topic", f"{filled}:0")
    assert [filled, "0", "Successful"] in done
    assert committed(admin, filled) == {1: 7}
    done = groups("--delete", *of_group)
    assert "was successful" in " ".join(done[-1])
    assert [filled] not in groups("--list")
    broker.restart()
    assert [filled] not in groups("--list")
