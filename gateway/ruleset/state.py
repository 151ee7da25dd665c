"""What is known of a session, as bytes for a store that several gateways read: its page's structure and its secrets' prints.

    1 byte: version · msgpack: [page, memory]

Bytes of another version, or that are none, are a session that is not known: what comes is masked until the next full
snapshot. A page is of one vocabulary of selectors; where rules ask for other elements, it is not known either.
"""

from __future__ import annotations

from typing import Final

import msgspec

VERSION: Final = 1
"""Of everything in here, of `recording.state` and of `secrets.Memory.write`: a change of any of them counts it up."""


class _State(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    page: bytes = b""
    memory: bytes = b""


def pack(page: bytes, memory: bytes) -> bytes:
    """A session's bytes; none where nothing is known."""
    return bytes([VERSION]) + msgspec.msgpack.encode(_State(page, memory)) if page or memory else b""


def unpack(data: bytes) -> tuple[bytes, bytes]:
    """The bytes of the page and of the memory; empty where they are not known."""
    if data[:1] != bytes([VERSION]):
        return b"", b""
    try:
        state = msgspec.msgpack.decode(data[1:], type=_State)
    except (msgspec.MsgspecError, ValueError):
        return b"", b""
    return state.page, state.memory
