"""gregor dump-log, beside what Kafka's own dump tool printed of the same files."""

import shutil
import subprocess
from pathlib import Path

import pytest

from harness.broker import BINARY
from harness.command import gregor

SAMPLE = Path(__file__).resolve().parents[1] / "data" / "apache-kafka-4.3.0"
DATA = SAMPLE / "data"
DUMPS = sorted((SAMPLE / "dumps").iterdir())
DECODERS = {
    "__consumer_offsets": "--offsets-decoder",
    "__transaction_state": "--transaction-log-decoder",
    "__cluster_metadata": "--cluster-metadata-decoder",
    "bootstrap": "--cluster-metadata-decoder",
}


def file_of(dump):
    """FOLDER_FILE.txt shows FOLDER/FILE."""
    folder, _, name = dump.stem.rpartition("_")
    return f"{folder}/{name}" if folder else name


def options_of(dump):
    for start, option in DECODERS.items():
        if dump.name.startswith(start):
            return [option]
    return ["--print-data-log"]


def dump(*arguments, cwd=DATA, status=0):
    done = gregor("dump-log", *arguments, cwd=cwd, status=status)
    return done.stdout, done.stderr


def tree(folder):
    """Every file with its content and time: what a change would show in."""
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_there_are_dumps():
    assert len(DUMPS) >= 60


# Every line is the same. Kafka's tool tells of offsets that do not follow each other at
# its very end, on stderr, with the file's absolute path; the dumps have the path from
# the data directory on, which is what is given to ours.
@pytest.mark.parametrize("kafkas", DUMPS, ids=lambda path: path.stem)
def test_each_line_is_that_of_kafkas_tool(kafkas):
    stdout, stderr = dump(*options_of(kafkas), file_of(kafkas))
    assert (stdout + stderr).splitlines() == kafkas.read_text().splitlines()


def test_without_options_only_batches_are_shown():
    kafkas = (SAMPLE / "dumps" / "plain-0_00000000000000000000.log.txt").read_text()
    stdout, stderr = dump("plain-0/00000000000000000000.log")
    assert stdout.splitlines() == [
        line for line in kafkas.splitlines() if not line.startswith("|")
    ]
    assert stderr == ""


def test_deep_iteration_shows_records_without_their_contents():
    stdout, _ = dump("--deep-iteration", "txn-0/00000000000000000000.log")
    assert "| offset: 0 " in stdout and "payload" not in stdout
    assert "endTxnMarker: COMMIT coordinatorEpoch: 0" in stdout


def test_skip_record_metadata_leaves_keys_and_values():
    log = "segments-0/00000000000000000010.log"
    stdout, _ = dump("--print-data-log", "--skip-record-metadata", log)
    records = [line for line in stdout.splitlines() if line.startswith("|")]
    assert len(records) == 10
    assert records[0].startswith("| key: 1 payload: vvv")


def test_max_bytes_ends_before_the_batch_that_does_not_fit():
    log = "segments-0/00000000000000000010.log"
    stdout, _ = dump("--max-bytes", "300", log)
    assert stdout.count("baseOffset") == 2 and "invalid bytes" not in stdout


def test_indexes_can_be_checked_without_being_shown():
    base = "segments-0/00000000000000000010"
    for suffix in ("index", "timeindex"):
        file = f"{base}.{suffix}"
        assert dump("--verify-index-only", file) == (f"Dumping {file}\n", "")
        said = f"Dumping {file}\n{file} passed sanity check.\n"
        assert dump("--index-sanity-check", file) == (said, "")


def test_files_that_kafkas_tool_knows_not():
    assert dump("plain-0/leader-epoch-checkpoint")[0].splitlines()[1:] == [
        "leaderEpoch: 0 startOffset: 0"
    ]
    assert dump("plain-0/partition.metadata")[0].splitlines()[1:] == [
        "version: 0 topicId: pCj5ox7MRi2CutXGlrDO1Q"
    ]
    shown = dump("replication-offset-checkpoint")[0]
    assert "topic: segments partition: 0 offset: 40\n" in shown
    for name in ("recovery-point", "log-start", "cleaner"):
        lines = (DATA / f"{name}-offset-checkpoint").read_text().splitlines()[2:]
        shown = dump(f"{name}-offset-checkpoint")[0].splitlines()[1:]
        expected = "topic: {} partition: {} offset: {}"
        assert shown == [expected.format(*line.split()) for line in lines]


def test_files_on_their_way_out_are_read_as_what_they_were(tmp_path):
    shutil.copytree(DATA / "segments-0", tmp_path / "segments-0")
    for path in (tmp_path / "segments-0").glob("*10.*"):
        path.rename(f"{path}.deleted")
    for suffix in ("log", "index", "timeindex", "snapshot"):
        name = f"segments-0/00000000000000000010.{suffix}"
        expected, _ = dump(name)
        stdout, _ = dump(f"{name}.deleted", cwd=tmp_path)
        assert stdout.splitlines()[1:] == expected.splitlines()[1:]


def test_several_files_in_one_go():
    files = ["plain-0/partition.metadata", "idem-0/leader-epoch-checkpoint"]
    expected = "".join(dump(file)[0] for file in files)
    assert dump(*files)[0] == dump("--files", ",".join(files))[0] == expected


def test_nothing_is_changed(tmp_path):
    shutil.copytree(DATA, tmp_path / "data")
    before = tree(tmp_path)
    files = [path for path in before if path.suffix not in ("", ".properties")]
    dump("--deep-iteration", *files, cwd=tmp_path)
    assert tree(tmp_path) == before


# -- what is wrong ---------------------------------------------------------------


@pytest.fixture
def segment(tmp_path):
    """A segment to spoil; the base of its files' names."""
    shutil.copytree(DATA / "segments-0", tmp_path / "segments-0")
    return tmp_path / "segments-0" / "00000000000000000010"


def spoil(path, at, byte=0xFF):
    content = bytearray(path.read_bytes())
    content[at] = byte
    path.write_bytes(content)


def test_a_batch_with_a_wrong_checksum_is_shown_as_invalid(segment):
    log = segment.with_suffix(".log")
    spoil(log, 112 + 90, ord("!"))
    stdout, _ = dump("--print-data-log", log, status=1)
    batches = [line for line in stdout.splitlines() if line.startswith("baseOffset")]
    assert [line.endswith("isvalid: true") for line in batches] == [True, False] + [
        True
    ] * 8


def test_what_is_no_batch_ends_the_file_and_not_the_others(segment):
    log = segment.with_suffix(".log")
    spoil(log, 224 + 16, 9)  # the magic of the third
    other = segment.with_name("00000000000000000000.log")
    stdout, stderr = dump(log, other, status=1)
    assert stdout.count("baseOffset") == 2 + 10
    assert "position 224" in stderr and str(log) in stderr


def test_a_torn_end_is_told_as_kafkas_tool_does(segment):
    log = segment.with_suffix(".log")
    log.write_bytes(log.read_bytes()[:-10])
    stdout, _ = dump(log, status=1)
    said = "Found 102 invalid bytes at the end of 00000000000000000010.log"
    assert stdout.splitlines()[-1] == said


def test_an_index_that_leads_elsewhere(segment):
    index = segment.with_suffix(".index")
    spoil(index, 7, 111)
    stdout, stderr = dump(index, status=1)
    assert "offset: 12 position: 111" in stdout
    assert stderr == f"Mismatches in :{index}\n  Index offset: 12, log offset: -1\n"


def test_a_time_index_that_is_wrong(segment):
    times = segment.with_suffix(".timeindex")
    spoil(times, 7, 0)
    spoil(times, 12 + 11, 5)
    _, stderr = dump(times, status=1)
    assert "Found timestamp mismatch in :" in stderr
    assert "Indexed offset: 15, found log offset: 15" not in stderr
    whole = times.read_bytes()
    times.write_bytes(whole[:8] + b"\0\0\x7f\xff" + whole[12:])
    _, stderr = dump(times, status=1)
    assert "Indexed offset: 32777, found log offset: -1" in stderr


def test_a_preallocated_index_ends_at_its_zeros(segment):
    for suffix in (".index", ".timeindex"):
        path = segment.with_suffix(suffix)
        expected = dump(path)
        path.write_bytes(path.read_bytes() + bytes(1200))
        assert dump(path) == expected


@pytest.mark.parametrize(
    "name, content",
    [
        ("00000000000000000010.snapshot", b"\0\1garbage"),
        ("00000000000000000010.txnindex", b"\0\5" + bytes(32)),
        ("00000000000000000010.txnindex", bytes(40)),
        ("leader-epoch-checkpoint", b"0\n7\n0 0\n"),
        ("partition.metadata", b"version: 0\ntopic_id: none\n"),
        ("00000000000000000007-0000000001.checkpoint", bytes(100)),
        ("log-start-offset-checkpoint", b"0\n1\nplain 0\n"),
    ],
)
def test_a_damaged_file_is_told_by_name(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    good = DATA / "plain-0" / "partition.metadata"
    stdout, stderr = dump(name, good, cwd=tmp_path, status=1)
    assert stderr.startswith(name) or name in stderr.splitlines()[-1]
    assert "topicId: pCj5ox7MRi2CutXGlrDO1Q" in stdout


def test_a_file_that_is_missing_or_of_no_kind(tmp_path):
    (tmp_path / "photo.jpeg").write_bytes(b"smile")
    stdout, stderr = dump("photo.jpeg", "00000000000000000010.log", cwd=tmp_path, status=1)
    assert stdout.splitlines()[0] == "Dumping photo.jpeg"
    lines = stderr.splitlines()
    assert lines[0] == "Ignoring unknown file photo.jpeg"
    assert lines[1].startswith("00000000000000000010.log: ")


def test_records_of_another_topic_are_skipped_with_a_word():
    log = "plain-0/00000000000000000000.log"
    stdout, _ = dump("--offsets-decoder", log, status=1)
    assert "key: Unknown record type 27440 at offset 0, skipping." in stdout
    assert "key: Error at offset 3, skipping. the key has no version" in stdout
    stdout, _ = dump("--cluster-metadata-decoder", log, status=1)
    assert "payload: Error at 0, skipping. " in stdout


def test_a_full_disk_shows_in_the_exit_status():
    log = str(DATA / "plain-0/00000000000000000000.log")
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run(
            [BINARY, "dump-log", log], stdout=full, stderr=subprocess.PIPE, text=True
        )
    assert done.returncode == 1 and "cannot write the output" in done.stderr


# -- options -----------------------------------------------------------------------


def test_help():
    stdout, _ = dump("--help")
    for option in (
        "--deep-iteration --print-data-log --offsets-decoder --transaction-log-decoder "
        "--cluster-metadata-decoder --share-group-state-decoder --skip-record-metadata "
        "--verify-index-only --index-sanity-check --max-bytes --max-message-size --files"
    ).split():
        assert option in stdout


@pytest.mark.parametrize(
    "arguments, why",
    [
        ([], "which files?"),
        (["--nonsense", "a.log"], "unknown option '--nonsense'"),
        (["--max-bytes", "many", "a.log"], "not 'many'"),
        (["--max-bytes"], "--max-bytes wants a value"),
        (["--deep-iteration=yes", "a.log"], "takes no value"),
    ],
)
def test_bad_options_are_told(arguments, why):
    _, stderr = dump(*arguments, status=2)
    assert stderr.startswith("gregor dump-log: ") and why in stderr


def test_a_command_that_is_none():
    done = gregor("dump-logs", status=2)
    assert "unknown command 'dump-logs'" in done.stderr
