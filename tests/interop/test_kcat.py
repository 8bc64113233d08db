"""kcat, as in Debian: produce and consume from a shell."""

import json
import subprocess

import pytest

from harness.admin import create

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]


def kcat(broker, *arguments, input=""):
    done = subprocess.run(
        ["kcat", "-b", broker.bootstrap, *map(str, arguments)],
        input=input,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done
    return done.stdout


def produce(broker, topic, lines, *arguments):
    kcat(broker, "-P", "-t", topic, *arguments, input="".join(f"{l}\n" for l in lines))


def consume(broker, topic, *arguments):
    return kcat(broker, "-C", "-q", "-e", "-t", topic, *arguments).splitlines()


@pytest.mark.parametrize("codec", CODECS)
def test_lines_come_back(broker, made, codec):
    lines = [f"line {i} of many, much alike" for i in range(500)]
    produce(broker, made, lines, "-z", codec)
    assert consume(broker, made) == lines


@pytest.mark.parametrize("acks", [0, 1, -1])
def test_acks(broker, made, acks):
    produce(broker, made, ["x", "y"], "-X", f"acks={acks}")
    # Without acks kcat leaves before the broker has read: so ask until it has.
    seen = []
    while len(seen) < 2:
        seen = consume(broker, made)
    assert seen == ["x", "y"]


def test_keys_and_headers(broker, made):
    produce(broker, made, ["k1=v1", "k2=v2"], "-K=", "-H", "a=1", "-H", "b=two")
    assert consume(broker, made, "-f", "%k|%s|%h\\n") == [
        "k1|v1|a=1,b=two",
        "k2|v2|a=1,b=two",
    ]


def test_null_values(broker, made):
    produce(broker, made, ["gone="], "-K=", "-Z")
    assert consume(broker, made, "-f", "%k %S\\n") == ["gone -1"]


def test_from_an_offset_and_from_the_tail(broker, made):
    produce(broker, made, [f"{i}" for i in range(100)])
    assert consume(broker, made, "-o", 97) == ["97", "98", "99"]
    assert consume(broker, made, "-o", -2) == ["98", "99"]
    assert consume(broker, made, "-o", "beginning", "-c", 1) == ["0"]


def test_offsets_by_timestamp(broker, made):
    produce(broker, made, ["a", "b", "c"])
    stamps = [int(t) for t in consume(broker, made, "-f", "%T\\n")]
    answer = kcat(broker, "-Q", "-t", f"{made}:0:{stamps[0]}")
    assert answer == f"{made} [0] offset 0\n"
    answer = kcat(broker, "-Q", "-t", f"{made}:0:{stamps[-1] + 1}")
    assert answer == f"{made} [0] offset -1\n"
    assert consume(broker, made, "-o", f"s@{stamps[0]}") == ["a", "b", "c"]


def test_a_partition_of_many(broker, admin, topic):
    create(admin, topic, partitions=8)
    for number in range(8):
        produce(broker, topic, [f"in {number}"], "-p", number)
    for number in range(8):
        assert consume(broker, topic, "-p", number) == [f"in {number}"]
    assert sorted(consume(broker, topic)) == [f"in {n}" for n in range(8)]


def test_metadata_as_json(broker, admin, topic):
    create(admin, topic, partitions=3)
    listed = json.loads(kcat(broker, "-L", "-J", "-t", topic))
    assert [b["name"] for b in listed["brokers"]] == [broker.bootstrap]
    (found,) = listed["topics"]
    assert [p["partition"] for p in found["partitions"]] == [0, 1, 2]


def test_a_topic_is_made_by_producing_to_it(broker, topic):
    produce(broker, topic, ["first"])
    assert consume(broker, topic) == ["first"]


def test_idempotent(broker, made):
    lines = [str(i) for i in range(1000)]
    produce(broker, made, lines, "-X", "enable.idempotence=true")
    assert consume(broker, made) == lines


def test_records_nearly_as_large_as_allowed(broker, made, tmp_path):
    large = tmp_path / "large"
    large.write_bytes(b"L" * 999_000)
    kcat(broker, "-P", "-t", made, str(large))
    assert consume(broker, made, "-f", "%S\\n") == ["999000"]
