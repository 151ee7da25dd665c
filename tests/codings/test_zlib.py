"""A header that checks and a whole stream, or it is no zlib."""

import zlib

import pytest

from gateway.codings.latin1 import LATIN1
from gateway.codings.zlib import ZLIB
from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget, Limits


def decode(source):
    return ZLIB.decode(source, Budget(Limits(), lambda: 0.0))


@pytest.mark.parametrize(("level", "second"), [(0, 0x01), (2, 0x5E), (6, 0x9C), (9, 0xDA)])
def test_every_level_is_told_by_its_header(level, second):
    source = zlib.compress(b"some content", level)
    assert source[1] == second
    assert ZLIB.sniff(source)
    assert LATIN1.sniff(source.decode("latin-1"))
    assert decode(source) == b"some content"


def test_a_stream_that_stops_at_a_flush_boundary_is_read_and_leaves_finished():
    stream = zlib.compressobj()
    source = stream.compress(b"some ") + stream.flush(zlib.Z_SYNC_FLUSH)
    source += stream.compress(b"content") + stream.flush(zlib.Z_SYNC_FLUSH)
    assert decode(source) == b"some content"
    assert zlib.decompress(ZLIB.encode(b"other", source)) == b"other"


@pytest.mark.parametrize(
    "source",
    [
        b"x^2 + y^2 = z^2",
        b"x\x9cxylophone",
        zlib.compress(b"some content")[:-1],
        zlib.compress(b"some content")[:-1] + b"\x00",
        zlib.compress(b"some content") + b"\x00\x00\xff\xff",
        b"x\xbb" + zlib.compress(b"some content")[2:],  # wants a preset dictionary
    ],
)
def test_what_only_begins_like_zlib_is_broken(source):
    with pytest.raises(Refused) as caught:
        decode(source)
    assert caught.value.reason is Reason.BROKEN_CODING
