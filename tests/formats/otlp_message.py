"""Writes OpenTelemetry messages by hand, field by field, for tests: made-up values only."""

from __future__ import annotations

import struct


def varint(value: int) -> bytes:
    written = b""
    value &= (1 << 64) - 1
    while value > 127:
        written += bytes([value & 127 | 128])
        value >>= 7
    return written + bytes([value])


def part(number: int, content: bytes | str) -> bytes:
    """A field with a length: a text, bytes or a message."""
    data = content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content
    return varint(number << 3 | 2) + varint(len(data)) + data


def count(number: int, value: int) -> bytes:
    return varint(number << 3) + varint(value)


def moment(number: int, value: int) -> bytes:
    return varint(number << 3 | 1) + value.to_bytes(8, "little")


def any_value(value: object) -> bytes:
    match value:
        case bool():
            return count(2, int(value))
        case int():
            return count(3, value)
        case float():
            return varint(4 << 3 | 1) + struct.pack("<d", value)
        case bytes():
            return part(7, value)
        case list():
            return part(5, b"".join(part(1, any_value(one)) for one in value))
        case dict():
            return part(6, b"".join(part(1, row(key, one)) for key, one in value.items()))
        case _:
            return part(1, str(value))


def row(key: str, value: object) -> bytes:
    return part(1, key) + part(2, any_value(value))


def attributes(number: int, /, **values: object) -> bytes:
    return b"".join(part(number, row(key.replace("__", "."), value)) for key, value in values.items())


def record(body: object, /, *more: bytes, **values: object) -> bytes:
    """A log record of a ScopeLogs."""
    return part(2, moment(1, 1795500168685000000) + part(5, any_value(body)) + attributes(6, **values) + b"".join(more))


def logs(*records: bytes, **resource: object) -> bytes:
    """A whole request of logs."""
    scope = part(1, part(1, "rum.rr-web") + part(2, "4.0.0"))
    return part(1, part(1, attributes(1, **resource)) + part(2, scope + b"".join(records)))


def spans(*held: bytes) -> bytes:
    """A whole request of traces."""
    return part(1, part(2, b"".join(part(2, one) for one in held)))
