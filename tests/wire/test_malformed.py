"""A sample of the malformed input; 10,000 and other seeds by command: `python -m tests.wire.malformed`."""

from random import Random

from tests.wire.conftest import OK
from tests.wire.malformed import run
from tests.wire.mutations import malformed
from tests.wire.recorder import Message, read


def test_malformed_input_neither_crashes_nor_hangs_nor_leaks(tmp_path):
    summary = run(1000, 7, tmp_path)
    assert summary.failures == []
    # the sample is worth something: much was refused, something was in order and went on, every kind was there
    assert summary.ends["forwarded, 200"] > 20
    assert summary.ends["400"] > 200
    assert len(summary.kinds) == 6


def test_the_same_number_is_the_same_input():
    made = [malformed(b"/s0/", Random("1/17")) for _ in range(2)]
    assert made[0] == made[1]


def test_the_strict_reader_reads_what_is_in_order_and_stops_where_it_is_not():
    get = b"GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
    post = b"POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nab"
    both = [Message(b"GET", b"/1", b""), Message(b"POST", b"/2", b"ab")]
    assert read(get + post) == (both, "done")
    assert read(get + post[:-1]) == (both[:1], "half")
    assert read(get + OK) == (both[:1], "error")
