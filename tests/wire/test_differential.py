"""A sample of the framings that four readers read; 5,000 and other seeds by command: `python -m tests.wire.differential`."""

from tests.wire.differential import agree, run
from tests.wire.recorder import Message


def test_nobody_reads_another_message_out_of_the_same_bytes(tmp_path):
    summary = run(400, 7, tmp_path)
    assert summary.holds, str(summary)
    # each of the four read and forwarded something
    assert set(summary.forwarded) == {"gateway", "nginx", "haproxy", "h11"}
    assert min(summary.forwarded.values()) > 40


def test_a_body_that_ends_elsewhere_is_a_disagreement():
    one, other = Message(b"POST", b"/1-a", b"hello"), Message(b"POST", b"/1-a", b"hell")
    next_one = Message(b"GET", b"/1-b", b"")
    assert agree([one, next_one], [one])
    assert agree([], [one])
    assert not agree([one], [other])
    assert not agree([next_one], [one, next_one])
