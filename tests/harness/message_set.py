"""Sets of messages of magic 0 and 1, by hand: what clients older than Kafka 0.11
send and receive. Of codecs Python itself has only gzip; sets of all of them, made by
Kafka, are in tests/data/message_sets.
"""

import collections
import gzip
import struct
import zlib
from pathlib import Path

NOW = 1_700_000_000_000
CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
LOG_APPEND_TIME = 8
GOLDEN = Path(__file__).resolve().parents[1] / "data" / "message_sets" / "sets.tsv"

# What a reader finds, also inside of wrappers; `wrapped`: the wrapper's offset, magic,
# attributes and timestamp, with its packed value if that cannot be read here.
Message = collections.namedtuple(
    "Message", "offset magic attributes timestamp key value wrapped", defaults=[None]
)


def nullable(data):
    return (
        struct.pack(">i", -1) if data is None else struct.pack(">i", len(data)) + data
    )


def message(
    value, key=b"key", magic=1, offset=0, timestamp=NOW, attributes=0, crc=None
):
    checked = struct.pack(">bb", magic, attributes)
    if magic > 0:
        checked += struct.pack(">q", timestamp)
    checked += nullable(key) + nullable(value)
    crc = zlib.crc32(checked) if crc is None else crc
    return struct.pack(">qiI", offset, len(checked) + 4, crc) + checked


def messages(values, magic=1, **same):
    """One behind the other, with offsets from 0 on."""
    return b"".join(
        message(value, magic=magic, offset=i, **same) for i, value in enumerate(values)
    )


def wrapper(inside, magic=1, offset=0, timestamp=NOW, attributes=0):
    """The messages, compressed with gzip."""
    packed = gzip.compress(inside)
    return message(packed, None, magic, offset, timestamp, attributes | 1)


def shallow(data):
    """The whole messages of a set; their CRCs hold."""
    at = 0
    while at + 16 <= len(data):
        offset, size, crc = struct.unpack_from(">qiI", data, at)
        body = data[at + 16 : at + 12 + size]
        at += 12 + size
        if at > len(data):
            return
        assert crc == zlib.crc32(body)
        magic, attributes = struct.unpack_from(">bb", body)
        (timestamp,) = struct.unpack_from(">q", body, 2) if magic > 0 else (-1,)
        key, value = fields(body[10 if magic > 0 else 2 :])
        yield Message(offset, magic, attributes, timestamp, key, value)


def fields(data):
    found = []
    for _ in range(2):
        (size,) = struct.unpack_from(">i", data)
        found.append(None if size < 0 else data[4 : 4 + size])
        data = data[4 + max(size, 0) :]
    assert not data
    return found


def inside(outer):
    wrapped = outer[:4]
    if outer.attributes & 7 != 1:
        yield outer._replace(wrapped=wrapped)
        return
    found = list(shallow(gzip.decompress(outer.value)))
    # With magic 1 they count from the first, and the last has the wrapper's offset.
    first = outer.offset - found[-1].offset if outer.magic > 0 else 0
    for one in found:
        yield one._replace(offset=first + one.offset, wrapped=wrapped)


def parse(data):
    """All messages, those inside of wrappers with the offsets that they stand for."""
    found = []
    for one in shallow(data):
        found += inside(one) if one.attributes & 7 else [one]
    return found


def golden():
    """{name: (a batch, first offset, its set of magic 0, of magic 1)}"""
    rows = [line.rstrip("\n").split("\t") for line in GOLDEN.open(encoding="ascii")]
    return {
        name: (bytes.fromhex(b), int(offset), bytes.fromhex(v0), bytes.fromhex(v1))
        for name, b, offset, v0, v1 in rows
    }
