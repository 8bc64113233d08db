"""Records put behind the metadata log of a stopped broker, as a Kafka with more
features would have left them."""

import struct

from harness import messages, wire


def encode(name, values, version=0):
    """The value of a metadata record: its frame, and the message."""
    message = messages.metadata_records()[name]
    frame = b"".join(map(messages.uvarint, (1, message.key, version)))
    return frame + messages.Writer(message, version).struct(message.fields, values)


def append(data, *records):
    """One batch behind the last one of the newest segment, in its leader epoch.
    Each record: (name, values) or (name, values, version)."""
    log = sorted((data / "__cluster_metadata-0").glob("*.log"))[-1]
    content = log.read_bytes()
    _, last, raw = list(wire.split_batches(content))[-1]
    batch = bytearray(wire.batch([encode(*r) for r in records], base_offset=last + 1))
    batch[12:16] = raw[12:16]
    assert struct.unpack_from(">i", batch, 12)[0] > 0
    log.write_bytes(content + bytes(batch))
