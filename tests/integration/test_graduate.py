"""gregor graduate: what it finds in the way, and what it prints for Apache Kafka.

That Kafka starts with it, and serves all, shows tests/interop/test_both_ways.py.
"""

import shutil
from pathlib import Path

import pytest
from confluent_kafka import Producer

from harness.command import gregor as command

DATA = Path(__file__).resolve().parents[1] / "data" / "apache-kafka-4.3.0" / "data"


def graduate(data, *arguments, status=0, **options):
    return command("graduate", "--data", data, *arguments, status=status, **options)


def properties(text):
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return dict(line.split("=", 1) for line in lines)


@pytest.fixture
def sample(tmp_path):
    shutil.copytree(DATA, tmp_path / "data")
    return tmp_path / "data"


def refused(data, why, status=1):
    done = graduate(data, status=status)
    assert done.stdout == ""
    assert why in done.stderr
    return done.stderr


def test_a_directory_of_kafkas(sample):
    done = graduate(sample)
    assert done.stderr == ""
    assert "# Start it with: kafka-server-start.sh " in done.stdout
    found = properties(done.stdout)
    assert found["process.roles"] == "broker,controller"
    assert found["node.id"] == "1"
    assert found["log.dirs"] == str(sample)
    # Where that Kafka's clients found it.
    assert found["listeners"].startswith("PLAINTEXT://127.0.0.1:9300,CONTROLLER://")


def test_a_directory_of_gregors(gregor):
    broker = gregor(topics=["kept:3"])
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    producer.produce("kept", b"value")
    assert producer.flush(30) == 0
    refused(broker.data, "another broker uses the data directory")
    broker.stop()
    before = {p: p.stat().st_mtime_ns for p in sorted(broker.data.rglob("*"))}
    found = properties(graduate(broker.data).stdout)
    assert f"PLAINTEXT://{broker.bootstrap}," in found["listeners"]
    assert {p: p.stat().st_mtime_ns for p in sorted(broker.data.rglob("*"))} == before
    broker.start()
    broker.kill()
    refused(broker.data, "was not stopped cleanly: start Gregor on it and stop it")


def test_the_users_settings_go_along(sample, tmp_path):
    config = tmp_path / "gregor.properties"
    config.write_text("log.retention.hours=7\nlisteners=PLAINTEXT://:19092\n")
    done = graduate(sample, "--config", config, "--set", "num.partitions=4")
    found = properties(done.stdout)
    assert found["log.retention.hours"] == "7"
    assert found["num.partitions"] == "4"
    assert found["listeners"] == "PLAINTEXT://:19092,CONTROLLER://127.0.0.1:19093"


def test_the_data_directory_may_be_a_setting(sample, tmp_path):
    config = tmp_path / "gregor.properties"
    config.write_text(f"log.dirs={sample}\n")
    done = command("graduate", "--config", config)
    assert properties(done.stdout)["log.dirs"] == str(sample)


def test_a_relative_path_is_made_absolute(sample):
    done = graduate("data", cwd=sample.parent)
    assert properties(done.stdout)["log.dirs"] == str(sample)


def test_it_can_be_written_to_a_file(sample, tmp_path):
    printed = graduate(sample).stdout
    path = tmp_path / "kafka.properties"
    done = graduate(sample, "--write", path)
    assert done.stdout == f"kafka-server-start.sh {path}\n"
    assert properties(path.read_text()) == properties(printed)
    path.write_text("mine")
    done = graduate(sample, "--write", path, status=1)
    assert "is there already" in done.stderr and path.read_text() == "mine"
    elsewhere = tmp_path / "none" / "kafka.properties"
    assert str(elsewhere) in graduate(sample, "--write", elsewhere, status=1).stderr


def spoil(path, at):
    content = bytearray(path.read_bytes())
    content[at] ^= 0xFF
    path.write_bytes(content)


SEGMENT = "segments-0/00000000000000000010"


@pytest.mark.parametrize(
    "name, at",
    [
        (f"{SEGMENT}.log", -5),
        (f"{SEGMENT}.index", 7),
        (f"{SEGMENT}.timeindex", 7),
        ("txn-0/00000000000000000009.snapshot", 20),
        ("txn-0/00000000000000000000.txnindex", 1),
        ("txn-0/leader-epoch-checkpoint", 0),
        ("txn-0/partition.metadata", 0),
        ("replication-offset-checkpoint", 0),
        ("bootstrap.checkpoint", 40),
    ],
)
def test_each_damaged_file_is_named(sample, name, at):
    spoil(sample / name, at)
    assert str(sample / name) in refused(sample, "Kafka could not go on")


def test_a_torn_log_and_offsets_that_go_back(sample):
    first, second = (sample / f"segments-0/{n:020}.log" for n in (0, 10))
    log = first.read_bytes()
    first.write_bytes(log[:-10])
    second.write_bytes(second.read_bytes() + log)
    told = refused(sample, "faults, named above")
    assert f"{first} is damaged" in told
    assert "offset 0, where 20 or more must follow" in told


def test_damaged_metadata_is_named(sample):
    log = sample / "__cluster_metadata-0" / f"{0:020}.log"
    spoil(log, 500)
    refused(sample, str(log))


def test_what_kafka_would_not_start_with(sample):
    (sample / "lost+found").mkdir()
    (sample / "plain-0" / "copy.log").write_bytes(b"")
    told = refused(sample, "2 faults")
    assert f"{sample}/lost+found is no folder of a partition" in told
    assert f"{sample}/plain-0/copy.log: its name is no base offset" in told


def test_what_kafka_passes_by(sample):
    for name in (
        "remote-log-index-cache",
        "gone-0.0123456789abcdef0123456789abcdef-delete",
        "nobody-0.0123456789abcdef0123456789abcdef-stray",
    ):
        (sample / name).mkdir()
    (sample / "notes.txt").write_text("mine")
    graduate(sample)


def test_partitions_that_the_metadata_has_and_the_directory_has_not(sample):
    shutil.rmtree(sample / "plain-1")
    shutil.rmtree(sample / "idem-0")
    shutil.copytree(sample / "txn-0", sample / "idem-0")
    told = refused(sample, "2 faults")
    assert f"{sample}/plain-1: no topic id can be read" in told
    assert f"{sample}/idem-0 is of another topic than the metadata says" in told


@pytest.mark.parametrize(
    "arguments, why",
    [
        (["--nonsense"], "unknown option"),
        (["here"], "unknown option 'here'"),
        (["--set", "nothing"], "--set wants key=value"),
        (["--set", "num.partitions=many"], "num.partitions"),
        (["--config", "/nowhere"], "/nowhere"),
        (["--config", "bad.properties"], "bad.properties"),
        (["--set", "log.dirs=a,b"], "log.dirs names 2 directories"),
    ],
)
def test_bad_options_are_told(tmp_path, arguments, why):
    bad = tmp_path / "bad.properties"
    bad.write_text("num.partitions=none\n")
    done = command("graduate", *arguments, cwd=tmp_path, status=2)
    assert done.stderr.startswith("gregor graduate: ") and why in done.stderr
    assert list(tmp_path.iterdir()) == [bad]


def test_what_is_no_data_directory(tmp_path):
    refused(tmp_path, "has no meta.properties")
    refused(tmp_path / "none", "none")
    assert list(tmp_path.iterdir()) == []


def test_the_node_must_be_the_directorys(sample):
    done = graduate(sample, "--set", "node.id=7", status=1)
    assert "belongs to node 1, not to node 7" in done.stderr


def test_help():
    text = command("graduate", "--help").stdout
    assert all(option in text for option in ("--data", "--config", "--set", "--write"))
