"""gregor inspect: what it shows of a data directory, stopped or in use."""

import re
import shutil
from pathlib import Path

import pytest
from confluent_kafka import Producer

from harness import wire
from harness.command import gregor
from harness.wire import Connection

DATA = Path(__file__).resolve().parents[1] / "data" / "apache-kafka-4.3.0" / "data"


def inspect(*arguments, data=DATA, status=0):
    return gregor("inspect", "--data", data, *arguments, status=status)


def shown(*arguments, **options):
    return inspect(*arguments, **options).stdout


def labelled(text):
    """The lines "  label   value" as a dictionary."""
    return dict(re.findall(r"^  (\w[\w ]*?) {2,}(\S.*)$", text, re.M))


def rows(text, first):
    """The table whose heading begins with that word: lists of columns."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.split(" " * 2)[1:2] == [first] or line.strip().startswith(first + " "):
            break
    found = []
    for line in lines:
        if not line.strip():
            break
        found.append(re.split(r"  +", line.strip()))
    return found


@pytest.fixture
def sample(tmp_path):
    shutil.copytree(DATA, tmp_path / "data")
    return tmp_path / "data"


def test_a_partition():
    text = shown("segments/0")
    assert text.splitlines()[0] == "segments/0"
    facts = labelled(text)
    assert facts["topic id"] == "mxLHp1WySaGe9X8o0cbTvg"
    assert facts["data directory"].endswith(
        ": node 1 of cluster NP9KOU1lR9yX4cbhZBRs8w, stopped cleanly"
    )
    assert facts["leader"] == "none, epoch 1; replicas 1; in sync none"
    assert facts["log"] == "offsets 0 to 39, 4480 B in 4 segments"
    assert facts["log start"] == "0" and facts["log end"] == "40"
    assert facts["high watermark"] == facts["recovery point"] == "40"
    assert facts["leader epochs"] == "0 from offset 0"
    assert facts["settings"] == "index.interval.bytes=128"
    assert "\n                  segment.ms=700\n" in text
    assert rows(text, "segment")[1] == [
        "00000000000000000010",
        "19",
        "1120 B",
        "2026-11-21T02:34:24.051Z",
        "2026-11-21T02:34:24.121Z",
    ]
    assert len(rows(text, "segment")) == 4


def test_producers_are_those_of_the_newest_snapshot():
    text = shown("txn/0")
    (producer,) = rows(text, "producer id")[:1]
    assert producer == ["1", "0", "5", "7", "2026-11-21T02:34:23.116Z", "-"]
    assert "  as of offset 9, the newest snapshot\n" in text
    assert "producer id" not in shown("plain/0")


def test_a_topic():
    text = shown("plain")
    assert text.splitlines()[0] == "plain"
    assert labelled(text)["topic id"] == "pCj5ox7MRi2CutXGlrDO1Q"
    assert [row[0] for row in rows(text, "partition")] == ["0", "1"]
    assert rows(text, "partition")[0][2:] == ["1", "144 B", "0", "4", "4", "4"]


def test_the_whole_directory():
    text = shown()
    topics = {row[0]: row[1:] for row in rows(text, "topic")}
    assert len(topics) == 12
    assert topics["plain"][:3] == ["pCj5ox7MRi2CutXGlrDO1Q", "2", "2"]
    assert "to offset 201, 12 topics with 13 partitions" in text


def test_files_and_folders_on_their_way(sample):
    base = sample / "segments-0" / "00000000000000000000"
    base.with_suffix(".log").rename(f"{base}.log.deleted")
    Path(f"{base}.log.cleaned").write_bytes(b"12345")
    Path(f"{base}.index.swap").write_bytes(b"")
    aside = "segments-1.0123456789abcdef0123456789abcdef"
    for ending in ("delete", "stray", "future"):
        (sample / f"{aside}-{ending}").mkdir()
    text = shown("segments/0", data=sample)
    assert ".log.deleted: deleted, to be removed, 1120 B\n" in text
    assert ".log.cleaned: a compaction's output, not finished, 5 B\n" in text
    assert ".index.swap: a compaction's output, about to take its place, 0 B\n" in text
    assert labelled(text)["log"] == "offsets 10 to 39, 3360 B in 3 segments"
    for text in (shown("segments", data=sample), shown(data=sample)):
        assert f"{aside}-delete: deleted, to be removed, 0 B\n" in text
        assert f"{aside}-stray: a stray, kept aside, 0 B\n" in text
        assert f"{aside}-future: a move to another directory, not finished" in text


def test_what_the_metadata_and_the_folders_do_not_agree_on(sample):
    (sample / "plain-1").rename(sample / "plain-5")
    shutil.copytree(sample / "idem-0", sample / "nobody-0")
    text = shown("plain", data=sample)
    assert rows(text, "partition")[1][:2] == ["1", "-"]
    assert "no folder here" in text and "not in the metadata" in text
    text = shown("nobody/0", data=sample)
    assert labelled(text)["topic id"] == (
        "none: not in the metadata; the folder is of 1kYiHA2qTzuVjoHVImBTHA"
    )


def test_damage_is_told_and_the_rest_is_shown(sample):
    log = sample / "segments-0" / "00000000000000000030.log"
    log.write_bytes(log.read_bytes()[:-10])
    (sample / "segments-0" / "leader-epoch-checkpoint").write_text("0\nx\n")
    done = inspect("segments/0", data=sample, status=1)
    assert "damaged from position 1008 on" in done.stdout
    assert labelled(done.stdout)["log end"] == "39"
    assert "leader-epoch-checkpoint: " in done.stderr


def test_an_index_that_leads_nowhere_is_not_followed(sample):
    base = sample / "segments-0" / "00000000000000000030"
    base.with_suffix(".index").write_bytes(b"\0\0\0\5\0\0\0\7" * 4)
    base.with_suffix(".timeindex").write_bytes(bytes(1200))
    assert shown("segments/0", data=sample) == shown("segments/0").replace(
        str(DATA), str(sample)
    )


def test_the_largest_timestamp_may_lie_far_from_the_end(gregor):
    broker = gregor(topics=["t:1:index.interval.bytes=100"])
    with Connection(broker.address) as connection:
        for stamp in (1_700_000_000_000, *[1_600_000_000_000] * 40):
            batch = wire.batch([b"x" * 200], timestamp=stamp)
            code, _ = wire.produce(connection, "t", 0, batch)
            assert code == wire.NONE
    broker.stop()
    for index in ("*.timeindex", "*.index", None):
        (segment,) = rows(shown("t/0", data=broker.data), "segment")
        assert segment[1] == "40"
        assert segment[3:] == ["2023-11-14T22:13:20.000Z"] * 2
        # As Kafka leaves indexes that it has not trimmed.
        if index is not None:
            (path,) = (broker.data / "t-0").glob(index)
            path.write_bytes(path.read_bytes() + bytes(1200))


def test_a_broker_that_runs_is_not_disturbed(gregor, topic):
    broker = gregor(topics=[f"{topic}:2"])
    producer = Producer({"bootstrap.servers": broker.bootstrap})
    for i in range(100):
        producer.produce(topic, b"%d" % i, partition=0)
    assert producer.flush(30) == 0
    before = sorted(broker.data.rglob("*"))
    text = shown(f"{topic}/0", data=broker.data)
    assert labelled(text)["log end"] == "100"
    assert "in use, or not stopped cleanly" in text
    assert labelled(text)["leader"] == "1, epoch 0; replicas 1; in sync 1"
    assert topic in shown(data=broker.data)
    assert sorted(broker.data.rglob("*")) == before
    with Connection(broker.address) as connection:
        code, _ = wire.produce(connection, topic, 0, wire.batch([b"still"]))
    assert code == wire.NONE


def test_nothing_is_changed(sample):
    def tree():
        return {
            path: (path.stat().st_mtime_ns, path.is_dir() or path.read_bytes())
            for path in sorted(sample.rglob("*"))
        }

    before = tree()
    for operand in (["segments/0"], ["segments"], []):
        shown(*operand, data=sample)
    assert tree() == before


@pytest.mark.parametrize(
    "arguments, status, why",
    [
        (["nope"], 1, "there is no topic nope"),
        (["plain/2"], 1, "plain has no partition 2"),
        (["plain/x"], 2, "'x' is no partition's number"),
        (["plain/"], 2, "'' is no partition's number"),
        (["plain", "idem"], 2, "one topic at a time"),
        (["--deep"], 2, "unknown option '--deep'"),
    ],
)
def test_what_is_not_there_or_not_understood(arguments, status, why):
    done = inspect(*arguments, status=status)
    assert done.stdout == "" and why in done.stderr


def test_what_is_no_data_directory(tmp_path):
    assert "cannot list" in inspect(data=tmp_path / "none", status=1).stderr
    (tmp_path / "photo.jpeg").write_bytes(b"smile")
    assert "holds no meta.properties" in inspect(data=tmp_path, status=1).stderr
    (tmp_path / "photo.jpeg").unlink()
    assert "has no meta.properties" in inspect(data=tmp_path, status=1).stderr
    assert list(tmp_path.iterdir()) == []


def test_help():
    assert "--data" in gregor("inspect", "--help").stdout


def test_metadata_that_a_snapshot_holds(gregor):
    settings = {"metadata.log.max.record.bytes.between.snapshots": 1}
    broker = gregor(settings=settings, topics=["first:2", "second"])
    broker.restart()
    broker.stop()
    folder = broker.data / "__cluster_metadata-0"
    assert list(folder.glob("*.checkpoint"))
    # What the snapshot covers is not read in the log.
    (log,) = folder.glob("*.log")
    content = log.read_bytes()
    log.write_bytes(content[:100] + b"!" + content[101:])
    text = shown(data=broker.data)
    assert {row[0] for row in rows(text, "topic")} == {"first", "second"}
