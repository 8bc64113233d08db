"""Kafka's protocol by hand: frames and bytes, for what no client would send.

Only the oldest and simplest versions are spelled out here; the codec's own
tests cover the others.
"""

import socket
import struct

import crc32c

PRODUCE, FETCH, LIST_OFFSETS, METADATA, API_VERSIONS = 0, 1, 2, 3, 18
CREATE_TOPICS, DELETE_TOPICS, INIT_PRODUCER_ID = 19, 20, 22

NONE = 0
OFFSET_OUT_OF_RANGE = 1
CORRUPT_MESSAGE = 2
UNKNOWN_TOPIC_OR_PARTITION = 3
MESSAGE_TOO_LARGE = 10
COORDINATOR_LOAD_IN_PROGRESS = 14
UNSUPPORTED_VERSION = 35
INVALID_TOPIC_EXCEPTION = 17
TOPIC_ALREADY_EXISTS = 36
OUT_OF_ORDER_SEQUENCE_NUMBER = 45
INVALID_PRODUCER_EPOCH = 47
INVALID_TIMESTAMP = 32
KAFKA_STORAGE_ERROR = 56
INVALID_RECORD = 87

WAIT_SECONDS = 30


class Closed(Exception):
    """The broker closed the connection."""


class Connection:
    """One TCP connection that speaks frames."""

    def __init__(self, address, receive_buffer=None):
        self.socket = socket.socket()
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.settimeout(WAIT_SECONDS)
        self.socket.connect(address)
        self.correlation = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.socket.close()

    def send_bytes(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError) as error:
            raise Closed from error

    def receive_bytes(self, count):
        data = bytearray()
        while len(data) < count:
            try:
                part = self.socket.recv(count - len(data))
            except ConnectionResetError as error:
                raise Closed from error
            if not part:
                raise Closed
            data += part
        return bytes(data)

    def send_frame(self, payload):
        self.send_bytes(struct.pack(">i", len(payload)) + payload)

    def receive_frame(self):
        (size,) = struct.unpack(">i", self.receive_bytes(4))
        return self.receive_bytes(size)

    def send(self, api_key, version, body=b"", client_id="wire", flexible=False):
        """Sends a request with header 1 (header 2 if flexible); its id."""
        self.correlation += 1
        header = struct.pack(">hhi", api_key, version, self.correlation)
        header += string(client_id)
        if flexible:
            header += b"\0"
        self.send_frame(header + body)
        return self.correlation

    def receive(self, correlation, flexible=False):
        """The body of the next response, which must be the one of this id."""
        reader = Reader(self.receive_frame())
        assert reader.int32() == correlation
        if flexible:
            assert reader.uvarint() == 0, "unexpected tagged fields"
        return reader

    def ask(self, api_key, version, body=b"", flexible=False):
        return self.receive(self.send(api_key, version, body, flexible=flexible))

    def answered(self, seconds):
        """Whether something can be read, an end included, within so long."""
        import select

        return bool(select.select([self.socket], [], [], seconds)[0])

    def await_close(self):
        """Waits for the broker to close this, reading what comes before."""
        try:
            while self.socket.recv(1 << 16):
                pass
        except ConnectionResetError:
            pass
        except TimeoutError:
            raise AssertionError("the connection stayed open") from None


class Reader:
    """Takes values off the front of a response."""

    def __init__(self, data):
        self.data = data
        self.at = 0

    def take(self, count):
        assert self.at + count <= len(self.data), "response too short"
        self.at += count
        return self.data[self.at - count : self.at]

    def int8(self):
        return struct.unpack(">b", self.take(1))[0]

    def int16(self):
        return struct.unpack(">h", self.take(2))[0]

    def int32(self):
        return struct.unpack(">i", self.take(4))[0]

    def int64(self):
        return struct.unpack(">q", self.take(8))[0]

    def uvarint(self):
        value = shift = 0
        while True:
            byte = self.take(1)[0]
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7

    def string(self):
        size = self.int16()
        return None if size < 0 else self.take(size).decode()

    def bytes(self):
        size = self.int32()
        return None if size < 0 else self.take(size)

    def array(self, read):
        return [read() for _ in range(self.int32())]

    def end(self):
        assert self.at == len(self.data), "bytes left over"


def string(text):
    if text is None:
        return struct.pack(">h", -1)
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


def sized(data):
    return struct.pack(">i", len(data)) + data


# -- record batches ----------------------------------------------------------


def varint(value):
    value = (value << 1) ^ (value >> 63)
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def record(offset_delta, value, key=None, timestamp_delta=0):
    body = b"\0" + varint(timestamp_delta) + varint(offset_delta)
    for part in (key, value):
        body += varint(-1) if part is None else varint(len(part)) + part
    body += varint(0)
    return varint(len(body)) + body


def batch(
    values,
    key=None,
    timestamp=1_700_000_000_000,
    max_timestamp=None,
    producer_id=-1,
    producer_epoch=-1,
    base_sequence=-1,
    magic=2,
    attributes=0,
    records=None,
    count=None,
    last_offset_delta=None,
    base_offset=0,
):
    """A batch of magic 2, uncompressed; each part can be made to lie."""
    if records is None:
        records = b"".join(record(i, v, key) for i, v in enumerate(values))
    count = len(values) if count is None else count
    if last_offset_delta is None:
        last_offset_delta = count - 1
    checked = struct.pack(
        ">hiqqqhii",
        attributes,
        last_offset_delta,
        timestamp,
        timestamp if max_timestamp is None else max_timestamp,
        producer_id,
        producer_epoch,
        base_sequence,
        count,
    )
    checked += records
    after_crc = struct.pack(">ibI", -1, magic, crc32c.crc32c(checked)) + checked
    return struct.pack(">qi", base_offset, len(after_crc)) + after_crc


def split_batches(data):
    """(base offset, last offset, bytes) of each whole batch."""
    at = 0
    while at + 61 <= len(data):
        base, size = struct.unpack_from(">qi", data, at)
        if at + 12 + size > len(data):
            return
        (last_delta,) = struct.unpack_from(">i", data, at + 23)
        yield base, base + last_delta, data[at : at + 12 + size]
        at += 12 + size


# -- requests ------------------------------------------------------------------


def produce_body(topic, partition, records, acks=-1, timeout_ms=30000):
    """Produce, version 3."""
    part = struct.pack(">i", partition) + sized(records)
    return (
        string(None)
        + struct.pack(">hi", acks, timeout_ms)
        + array([string(topic) + array([part])])
    )


def produce(connection, topic, partition, records, acks=-1):
    """Produces one batch; (error code, base offset)."""
    reader = connection.ask(PRODUCE, 3, produce_body(topic, partition, records, acks))
    return produce_result(reader)


def produce_result(reader):
    assert reader.int32() == 1
    reader.string()
    assert reader.int32() == 1
    reader.int32()
    code, offset = reader.int16(), reader.int64()
    reader.int64()
    reader.int32()
    reader.end()
    return code, offset


def fetch_body(topic, partition, offset, max_bytes=1 << 20, max_wait_ms=0, min_bytes=0):
    """Fetch, version 4, read_uncommitted."""
    part = struct.pack(">iqi", partition, offset, max_bytes)
    return struct.pack(">iiiib", -1, max_wait_ms, min_bytes, 1 << 30, 0) + array(
        [string(topic) + array([part])]
    )


def fetch_result(reader):
    """(error code, high watermark, records) of the single partition asked for."""
    reader.int32()
    assert reader.int32() == 1
    reader.string()
    assert reader.int32() == 1
    reader.int32()
    code, high_watermark, _ = reader.int16(), reader.int64(), reader.int64()
    reader.array(lambda: (reader.int64(), reader.int64()))
    records = reader.bytes() or b""
    reader.end()
    return code, high_watermark, records


def fetch(connection, topic, partition, offset, **options):
    return fetch_result(
        connection.ask(FETCH, 4, fetch_body(topic, partition, offset, **options))
    )


def fetch_all(connection, topic, partition, offset):
    """All batches from an offset to the high watermark, as one run of bytes."""
    data = b""
    while True:
        code, high_watermark, records = fetch(connection, topic, partition, offset)
        assert code == NONE, f"{topic}-{partition} at {offset}: error {code}"
        if offset >= high_watermark:
            return data
        batches = list(split_batches(records))
        assert batches, f"nothing at {offset} below {high_watermark}"
        for _, last, raw in batches:
            data += raw
            offset = last + 1


def list_offset(connection, topic, partition, timestamp):
    """ListOffsets, version 1: (error code, timestamp, offset)."""
    part = struct.pack(">iq", partition, timestamp)
    reader = connection.ask(
        LIST_OFFSETS, 1, struct.pack(">i", -1) + array([string(topic) + array([part])])
    )
    assert reader.int32() == 1
    reader.string()
    assert reader.int32() == 1
    reader.int32()
    return reader.int16(), reader.int64(), reader.int64()


def metadata(connection, topics):
    """Metadata, version 1: {topic: (error code, [partition, …])}. Where the
    broker may make topics by itself, this makes those asked for."""
    return metadata_result(
        connection.ask(METADATA, 1, array([string(t) for t in topics]))
    )


def all_topics(connection):
    """The names of all topics: Metadata, version 1, of a null array."""
    return sorted(metadata_result(connection.ask(METADATA, 1, struct.pack(">i", -1))))


def metadata_result(reader):
    reader.array(
        lambda: (reader.int32(), reader.string(), reader.int32(), reader.string())
    )
    reader.int32()
    found = {}
    for _ in range(reader.int32()):
        code, name, _ = reader.int16(), reader.string(), reader.int8()
        partitions = []
        for _ in range(reader.int32()):
            reader.int16()
            partitions.append(reader.int32())
            reader.int32()
            reader.array(reader.int32)
            reader.array(reader.int32)
        found[name] = (code, sorted(partitions))
    reader.end()
    return found


def create_topic(connection, topic, partitions=1, configs=None, validate_only=False):
    """CreateTopics, version 2; the error code."""
    pairs = [string(k) + string(v) for k, v in (configs or {}).items()]
    one = string(topic) + struct.pack(">ih", partitions, 1) + array([]) + array(pairs)
    reader = connection.ask(
        CREATE_TOPICS,
        2,
        array([one]) + struct.pack(">ib", 30000, int(validate_only)),
    )
    reader.int32()
    assert reader.int32() == 1
    reader.string()
    code = reader.int16()
    reader.string()
    reader.end()
    return code


def delete_topic(connection, topic):
    """DeleteTopics, version 1; the error code."""
    body = array([string(topic)]) + struct.pack(">i", 30000)
    reader = connection.ask(DELETE_TOPICS, 1, body)
    reader.int32()
    assert reader.int32() == 1
    reader.string()
    code = reader.int16()
    reader.end()
    return code


def make_topic(connection, topic, partitions=1, configs=None):
    """Creates a topic and waits until each partition has its leader. Gregor
    answers only then; Apache Kafka a little earlier."""
    assert create_topic(connection, topic, partitions, configs) == NONE
    for partition in range(partitions):
        while list_offset(connection, topic, partition, -1)[0] != NONE:
            pass


def init_producer_id(connection):
    """InitProducerId, version 0; (producer id, epoch). Apache Kafka may ask for
    a second try while it reserves its first block of ids."""
    body = string(None) + struct.pack(">i", 60000)
    code = COORDINATOR_LOAD_IN_PROGRESS
    while code == COORDINATOR_LOAD_IN_PROGRESS:
        reader = connection.ask(INIT_PRODUCER_ID, 0, body)
        reader.int32()
        code = reader.int16()
    assert code == NONE
    return reader.int64(), reader.int16()
