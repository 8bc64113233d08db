"""What Gregor finds in a Kafka's directory and cannot use yet: named at the start,
kept as it is, never destroyed."""

import base64
import json
import shutil
import uuid
from pathlib import Path

import pytest

from harness import messages, metadata_log, wire
from harness.command import gregor as command
from harness.messages import errors
from harness.wire import Connection

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "apache-kafka-4.3.0" / "data"
TOPIC = 2  # kind of a config resource
HEX = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def sample(tmp_path):
    shutil.copytree(SAMPLE, tmp_path / "data")
    return tmp_path / "data"


@pytest.fixture
def serve(gregor, sample):
    """Starts on the sample; what lies in it is older than any retention."""

    def start():
        return gregor(data=sample, settings={"log.retention.ms": -1})

    return start


def topic_id(name):
    text = (SAMPLE / f"{name}-0" / "partition.metadata").read_text().split()[-1]
    return uuid.UUID(bytes=base64.urlsafe_b64decode(text + "=="))


def records_of(data):
    """The metadata, as the log and its snapshots have it now."""
    folder = data / "__cluster_metadata-0"
    files = [*sorted(folder.glob("*.checkpoint")), *sorted(folder.glob("*.log"))]
    dumped = command("dump-log", "--cluster-metadata-decoder", *files).stdout
    payloads = (line.partition(" payload: ")[2] for line in dumped.splitlines())
    return [json.loads(payload) for payload in payloads if payload]


def tree(folder):
    return {p.relative_to(folder): p.is_dir() or p.read_bytes() for p in folder.rglob("*")}


# -- metadata --------------------------------------------------------------------


def test_a_sample_without_any_of_it_is_served_in_silence(serve):
    assert serve().stderr() == ""


def test_what_is_only_kept_is_named_and_still_there(serve, sample):
    acl = {
        "Id": uuid.UUID(int=77),
        "ResourceType": 2,
        "ResourceName": "plain",
        "PatternType": 3,
        "Principal": "User:alice",
        "Host": "*",
        "Operation": 3,
        "PermissionType": 3,
    }
    entity = [{"EntityType": "user", "EntityName": "alice"}]
    quota = {"Entity": entity, "Key": "producer_byte_rate", "Value": 1024.0}
    metadata_log.append(
        sample, ("AccessControlEntryRecord", acl), ("ClientQuotaRecord", quota)
    )
    for _ in range(2):
        broker = serve()
        assert "1 ACLs are kept, and not enforced" in broker.stderr()
        assert "1 client quotas are kept, and not enforced" in broker.stderr()
        broker.stop()
    found = {record["type"]: record["data"] for record in records_of(sample)}
    assert found["ACCESS_CONTROL_ENTRY_RECORD"]["principal"] == "User:alice"
    assert found["CLIENT_QUOTA_RECORD"]["value"] == 1024


def test_tiered_storage(serve, sample):
    cache = sample / "remote-log-index-cache"
    cache.mkdir()
    (cache / "0_abc.index").write_bytes(b"an index")
    config = {
        "ResourceType": TOPIC,
        "ResourceName": "segments",
        "Name": "remote.storage.enable",
        "Value": "true",
    }
    metadata_log.append(sample, ("ConfigRecord", config))
    before = tree(cache)
    broker = serve()
    assert "1 topics, such as segments, have tiered storage" in broker.stderr()
    with Connection(broker.address) as connection:
        assert wire.fetch_all(connection, "segments", 0, 0) == b"".join(
            p.read_bytes() for p in sorted((SAMPLE / "segments-0").glob("*.log"))
        )
    broker.stop()
    assert tree(cache) == before
    assert "remote.storage.enable=true" in command(
        "inspect", "--data", sample, "segments"
    ).stdout


def test_the_state_of_share_groups(serve, sample):
    identity = uuid.UUID(int=99)
    metadata_log.append(
        sample,
        ("TopicRecord", {"Name": "__share_group_state", "TopicId": identity}),
        (
            "PartitionRecord",
            {
                "PartitionId": 0,
                "TopicId": identity,
                "Replicas": [1],
                "Isr": [1],
                "Leader": 1,
            },
        ),
    )
    folder = sample / "__share_group_state-0"
    shutil.copytree(sample / "idem-0", folder)
    encoded = "AAAAAAAAAAAAAAAAAAAAYw"
    (folder / "partition.metadata").write_text(f"version: 0\ntopic_id: {encoded}")
    (log,) = folder.glob("*.log")
    before = log.read_bytes()
    broker = serve()
    assert "the state of share groups" in broker.stderr()
    with Connection(broker.address) as connection:
        assert "__share_group_state" in wire.all_topics(connection)
    broker.stop()
    assert log.read_bytes() == before


# -- a cluster of several brokers --------------------------------------------------


def of_several_brokers(data):
    """Broker 2 is registered; plain-0 is led by it and in sync with 1, plain-1 is its
    alone."""
    broker = {
        "BrokerId": 2,
        "IncarnationId": uuid.UUID(int=2),
        "BrokerEpoch": 300,
        "EndPoints": [{"Name": "PLAINTEXT", "Host": "elsewhere", "Port": 9}],
        "Fenced": False,
    }

    def moved(partition, replicas):
        change = {
            "PartitionId": partition,
            "TopicId": topic_id("plain"),
            "Leader": 2,
            "Isr": replicas,
            "Replicas": replicas,
            "Directories": [messages.NO_ID] * len(replicas),
        }
        return ("PartitionChangeRecord", change, 1)

    metadata_log.append(
        data, ("RegisterBrokerRecord", broker), moved(0, [2, 1]), moved(1, [2])
    )


def test_replicas_on_other_brokers(serve, sample):
    of_several_brokers(sample)
    before = (sample / "plain-1" / "00000000000000000000.log").read_bytes()
    broker = serve()
    told = broker.stderr()
    assert "1 partitions, such as plain-0, have replicas on other brokers too" in told
    assert "1 partitions, such as plain-1, have replicas on other brokers only" in told
    with Connection(broker.address) as connection:
        answer = messages.ask(connection, "Metadata", 12, {"Topics": [{"Name": "plain"}]})
        (topic,) = answer["Topics"]
        first, second = sorted(topic["Partitions"], key=lambda p: p["PartitionIndex"])
        # Broker 2 must not be taken for one that has what is written now.
        assert (first["LeaderId"], first["IsrNodes"]) == (1, [1])
        assert (second["LeaderId"], second["IsrNodes"]) == (-1, [2])
        assert [b["NodeId"] for b in answer["Brokers"]] == [1]
        code, _ = wire.produce(connection, "plain", 0, wire.batch([b"new"]))
        assert code == errors.NONE
    broker.stop()
    # What is another's was moved aside, as Kafka does, and is whole.
    (aside,) = sample.glob("plain-1.*-stray")
    assert (aside / "00000000000000000000.log").read_bytes() == before


def test_a_quorum_of_several_controllers_is_refused(sample, gregor):
    path = sample / "__cluster_metadata-0" / "quorum-state"
    state = json.loads(path.read_text())
    state["currentVoters"] = [{"voterId": 1}, {"voterId": 2}, {"voterId": 3}]
    path.write_text(json.dumps(state))
    before = tree(sample)
    broker = gregor.make(data=sample)
    broker.spawn()
    assert broker.wait() == 1
    assert "is of the quorum of 1, 2, 3, and node 1 would lead it alone" in broker.stderr()
    after = tree(sample)
    after.pop(Path(".lock"), None)
    assert after == before


def test_folders_that_are_nobodys(serve, sample):
    names = ("lost+found", f"plain-0.{HEX}-future", f"gone-0.{HEX}-stray")
    for name in names:
        (sample / name).mkdir()
        (sample / name / "precious").write_text("data")
    shutil.copytree(sample / "idem-0", sample / "nobodys-3")
    broker = serve()
    broker.stop()
    told = broker.stderr()
    assert "lost+found is no partition's folder and left alone" in told
    assert f"plain-0.{HEX}-future is no partition's folder and left alone" in told
    assert "nobodys-3 belongs to no partition of this broker: kept aside as" in told
    for name in names:
        assert (sample / name / "precious").read_text() == "data"
    (aside,) = sample.glob("nobodys-3.*-stray")
    assert tree(aside) == tree(SAMPLE / "idem-0")
