"""Requests and responses of any version, as dictionaries with Kafka's own names.

Encoded and decoded from protocol/schemas by code that shares nothing with the
broker's but the schema's parser. What a dictionary leaves out has its default:

    messages.ask(connection, "ListOffsets", 7, {"ReplicaId": -1, "Topics": […]})
"""

import csv
import functools
import struct
import sys
import types
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "protocol" / "schemas"
sys.path.append(str(ROOT / "tools" / "codegen"))

import schema  # noqa: E402

FORMATS = {
    "bool": ">?",
    "int8": ">b",
    "int16": ">h",
    "uint16": ">H",
    "int32": ">i",
    "uint32": ">I",
    "int64": ">q",
    "float64": ">d",
}
NO_ID = uuid.UUID(int=0)


def read_errors():
    with open(SCHEMAS / "errors.tsv", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return types.SimpleNamespace(**{row["name"]: int(row["code"]) for row in rows})


# What Gregor offers beyond that, from which version on: for clients of before Kafka
# 2.1, which Apache Kafka has served until 3.9.
OLDER = {
    "Fetch": 0,
    "ListOffsets": 0,
    "OffsetCommit": 1,
    "CreateTopics": 0,
    "DeleteTopics": 0,
    "DescribeConfigs": 0,
    "DescribeLogDirs": 0,
}


def read_versions():
    """{name of an API: the versions that Apache Kafka 4.3.0 offers}"""
    with open(SCHEMAS / "api-versions.tsv", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return {r["name"]: range(int(r["min"]), int(r["max"]) + 1) for r in rows}


# errors.NONE, errors.UNKNOWN_TOPIC_ID, …
errors = read_errors()
versions = read_versions()
# {name: the versions that Gregor offers of it, if it does at all}
offered = {a: range(OLDER.get(a, v.start), v.stop) for a, v in versions.items()}


@functools.cache
def known():
    messages = schema.parse_file(SCHEMAS / "api.schema")
    return {m.name: m for m in messages}


@functools.cache
def metadata_records():
    messages = schema.parse_file(SCHEMAS / "metadata-records.schema")
    return {m.name: m for m in messages}


def uvarint(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def default_of(field):
    if field.default_is_null:
        return None
    if field.is_array:
        return []
    if field.type == "string":
        return field.default or ""
    if field.type == "bytes":
        return b""
    if field.type == "uuid":
        return NO_ID
    if field.type == "bool":
        return (field.default or "false").lower() == "true"
    if field.is_struct:
        return {}
    return type(struct.unpack(FORMATS[field.type], bytes(8)[: size_of(field)])[0])(
        int(field.default or "0", 0)
    )


def size_of(field):
    return struct.calcsize(FORMATS[field.type])


# -- writing -------------------------------------------------------------------


class Writer:
    def __init__(self, message, version):
        self.version = version
        self.flexible = version in message.flexible

    def length(self, count, short, compact):
        if compact and self.flexible:
            return uvarint(count + 1)
        return struct.pack(">h" if short else ">i", count)

    def scalar(self, field, value):
        if field.type == "uuid":
            return value.bytes
        if field.type in FORMATS:
            return struct.pack(FORMATS[field.type], value)
        short = field.type == "string"
        if value is None:
            return self.length(-1, short, field.compact)
        data = value.encode() if short else value
        return self.length(len(data), short, field.compact) + data

    def one(self, field, value):
        if not field.is_struct:
            return self.scalar(field, value)
        if field.is_pointer and value is None:
            return b"\xff"
        data = self.struct(field.fields, value)
        return b"\1" + data if field.is_pointer else data

    def value(self, field, value):
        if not field.is_array:
            return self.one(field, value)
        if value is None:
            return self.length(-1, False, field.compact)
        return self.length(len(value), False, field.compact) + b"".join(
            self.one(field, item) for item in value
        )

    def struct(self, fields, values):
        here = [f for f in fields if self.version in f.versions]
        unknown = values.keys() - {f.name for f in fields}
        assert not unknown, f"no such fields: {unknown}"
        out = b"".join(
            self.value(f, values.get(f.name, default_of(f))) for f in here if f.tag < 0
        )
        return out + self.tagged(here, values) if self.flexible else out

    def tagged(self, fields, values):
        given = sorted(
            (f.tag, self.value(f, values[f.name]))
            for f in fields
            if f.tag >= 0 and f.name in values
        )
        return uvarint(len(given)) + b"".join(
            uvarint(tag) + uvarint(len(data)) + data for tag, data in given
        )


# -- reading -------------------------------------------------------------------


class MessageReader:
    def __init__(self, reader, message, version):
        self.reader = reader
        self.version = version
        self.flexible = version in message.flexible

    def length(self, short, compact):
        if compact and self.flexible:
            return self.reader.uvarint() - 1
        return self.reader.int16() if short else self.reader.int32()

    def scalar(self, field):
        if field.type == "uuid":
            return uuid.UUID(bytes=self.reader.take(16))
        if field.type in FORMATS:
            data = self.reader.take(size_of(field))
            return struct.unpack(FORMATS[field.type], data)[0]
        short = field.type == "string"
        size = self.length(short, field.compact)
        if size < 0:
            return None
        data = self.reader.take(size)
        return data.decode() if short else data

    def one(self, field):
        if not field.is_struct:
            return self.scalar(field)
        if field.is_pointer and self.reader.int8() < 0:
            return None
        return self.struct(field.fields)

    def value(self, field):
        if not field.is_array:
            return self.one(field)
        count = self.length(False, field.compact)
        return None if count < 0 else [self.one(field) for _ in range(count)]

    def struct(self, fields):
        here = [f for f in fields if self.version in f.versions]
        out = {f.name: self.value(f) for f in here if f.tag < 0}
        if self.flexible:
            tagged = {f.tag: f for f in here if f.tag >= 0}
            out.update((f.name, default_of(f)) for f in tagged.values())
            for _ in range(self.reader.uvarint()):
                tag, size = self.reader.uvarint(), self.reader.uvarint()
                end = self.reader.at + size
                out[tagged[tag].name] = self.value(tagged[tag])
                assert self.reader.at == end, f"tag {tag} has another size"
        return out


# -- asking --------------------------------------------------------------------


def encode(name, version, values):
    message = known()[name]
    return Writer(message, version).struct(message.fields, values)


def decode(name, version, reader):
    message = known()[name]
    values = MessageReader(reader, message, version).struct(message.fields)
    reader.end()
    return values


def send(connection, api, version, values):
    request = known()[api + "Request"]
    return connection.send(
        request.key,
        version,
        encode(request.name, version, values),
        flexible=version in request.flexible,
    )


def receive(connection, api, version, correlation):
    request = known()[api + "Request"]
    # A client that does not know the broker yet reads ApiVersions: header 0.
    flexible = version in request.flexible and api != "ApiVersions"
    reader = connection.receive(correlation, flexible=flexible)
    return decode(api + "Response", version, reader)


def ask(connection, api, version, values):
    return receive(connection, api, version, send(connection, api, version, values))
