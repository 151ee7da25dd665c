"""Messages keep their places, sizes follow their contents, and one dictionary entry serves those who agree on it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.core.errors import Reason, Refused
from gateway.core.limits import Budget, Limits
from gateway.formats.openreplay import EARLIER, MESSAGE, OPENREPLAY, UNREADABLE, Whole
from tests.judge.openreplay_reader import fields, messages, page
from tests.recording.batches import batch, entry, message, name_value, number, string


def parse(source):
    return OPENREPLAY.parse(source, Budget(Limits(), lambda: 0.0))


def told(layer):
    """The messages of all tabs."""
    return [one for tab in layer.root.get("tabs").items for one in tab.get("messages").items]


def field(one, name):
    return next(node for key, node in one.items if key.value == name)


def attributes(source):
    return [one["attributes"] for one in page(source)["messages"].get("attribute", ())]


def test_a_batch_is_read_to_its_last_message():
    layer = parse(
        batch(message(14, number(7), string("hello")), message(20, number(1), number(2)), message(28, string("é")))
    )
    assert layer.root.get("batch").get("url").value == "https://shop.example/"
    assert [[(key.value, node.value) for key, node in one.items] for one in told(layer)] == [
        [(MESSAGE, "text"), ("id", "7"), ("textContent", "hello")],
        [(MESSAGE, "user_id"), ("userId", "é")],
    ]


@pytest.mark.parametrize("text", ["", "x", "x" * 127, "x" * 128, "é" * 9000])
def test_lengths_and_sizes_follow_an_edit(text):
    source = batch(message(22, string("log"), string("before")), message(28, string("jane")))
    layer = parse(source)
    layer.replace(field(told(layer)[0], "message"), text)
    written = layer.close()
    kinds = list(messages(written))
    assert fields(*kinds[1]) == {"level": "log", "text": text}
    assert kinds[2] == list(messages(source))[2]


def test_a_size_beyond_three_bytes_is_refused():
    layer = parse(batch(message(28, string("jane"))))
    layer.replace(field(told(layer)[0], "userId"), "x" * 0x1000000)
    with pytest.raises(Refused) as refused:
        layer.close()
    assert refused.value.reason is Reason.TOO_LARGE


@pytest.mark.parametrize(("before", "after"), [("true", b"\x01"), ("false", b"\x00")])
def test_a_state_is_one_byte(before, after):
    layer = parse(batch(message(19, number(5), b"\x01")))
    layer.replace(field(told(layer)[0], "checked"), before)
    assert list(messages(layer.close()))[1] == (19, b"\x05" + after)


def test_a_message_of_another_tab_begins_a_part_of_its_own():
    source = batch(
        message(28, string("early")),
        message(118, string("one")),
        message(28, string("a")),
        message(118, string("two")),
        message(28, string("b")),
    )
    assert [(tab.get("tab").value, len(tab.get("messages").items)) for tab in parse(source).root.get("tabs").items] == [
        ("one", 3),
        ("two", 2),
    ]


USES = [(7, "title", 10, 11), (8, "title", 10, 11), (9, "alt", 12, 11)]


def of_dictionary():
    return batch(
        entry(10, "title"), entry(11, "same text"), entry(12, "alt"),
        name_value(7, 10, 11), name_value(8, 10, 11), name_value(9, 12, 11),
    )  # fmt: skip


def test_uses_read_as_what_the_dictionary_says():
    layer = parse(of_dictionary())
    uses = [one for one in told(layer) if field(one, MESSAGE).value == "attribute"]
    assert [(field(one, "name").value, field(one, "value").value) for one in uses] == [
        ("title", "same text"),
        ("title", "same text"),
        ("alt", "same text"),
    ]


def test_an_entry_becomes_what_all_its_uses_become():
    layer = parse(of_dictionary())
    for use in layer.uses.values():
        layer.replace(use.value, "***")
    written = layer.close()
    assert attributes(written) == [{"title": "***"}, {"title": "***"}, {"alt": "***"}]
    assert [kind for kind, _ in messages(written)] == [81, 34, 34, 34, 35, 35, 35]
    assert b"same text" not in written


def test_a_use_that_differs_is_written_out_and_the_others_stay():
    layer = parse(of_dictionary())
    layer.replace(list(layer.uses.values())[1].value, "***")
    written = layer.close()
    assert attributes(written) == [{"title": "same text"}, {"title": "***"}, {"alt": "same text"}]
    assert [kind for kind, _ in messages(written)] == [81, 34, 34, 34, 35, 12, 35]


def test_an_entry_that_is_a_name_too_stays_a_name():
    layer = parse(batch(entry(10, "name"), name_value(7, 10, 10)))
    layer.replace(next(iter(layer.uses.values())).value, "***")
    assert attributes(layer.close()) == [{"name": "***"}]


def test_an_entry_that_nothing_shows_any_more_is_emptied():
    layer = parse(batch(entry(10, "checked"), entry(11, "secret"), name_value(7, 10, 11)))
    use = next(iter(layer.uses.values()))
    layer.drop(Whole([(use.name, use.value)], use.message.start, use.message.end), 0)
    written = layer.close()
    assert attributes(written) == []
    assert b"secret" not in written


def test_what_an_earlier_batch_told_is_replaced_where_it_is_used():
    layer = parse(batch(name_value(7, 10, 11)))
    use = next(iter(layer.uses.values()))
    assert use.value.value == EARLIER
    assert parse(batch(name_value(7, 10, 11))).close() == batch(name_value(7, 10, 11))
    use.name.value = "title"
    layer.replace(use.value, "***")
    assert attributes(layer.close()) == [{"title": "***"}]


UNKNOWN_MESSAGES = {
    "an unknown type": message(200, string("Jane")),
    "a field too many": message(28, string("Jane"), string("Roe")),
    "a field too few": message(22, string("Jane")),
    "a length beyond the message": message(28, b"\x40Jane"),
    "no UTF-8": message(28, b"\x02\xff\xfe"),
    "a number without an end": message(28, b"\xff" * 20),
    "strings behind numbers": message(20, number(1), number(2), string("Jane")),
    "a state that is none": message(19, number(1), b"\x07"),
}


@pytest.mark.parametrize("unknown", UNKNOWN_MESSAGES.values(), ids=UNKNOWN_MESSAGES)
def test_a_message_that_cannot_be_read_can_be_taken_out(unknown):
    around = message(28, string("a")), message(28, string("b"))
    layer = parse(batch(around[0], unknown, around[1]))
    one = told(layer)[1]
    assert field(one, MESSAGE).value == UNREADABLE
    layer.drop(Whole([], one.start, one.end), 0)
    assert layer.close() == batch(*around)


BROKEN = {
    "nothing behind the head": b"\x51\x01",
    "a URL beyond the end": b"\x51\x01\x00\x00\x00\x7fhttps",
    "a size without its bytes": batch() + b"\x1c\x05",
    "a message beyond the end": batch() + b"\x1c\x05\x00\x00\x02",
    "another version": b"\x51\x02" + batch()[2:],
    "text": b"Q\x01 is no batch",
}


@pytest.mark.parametrize("source", BROKEN.values(), ids=BROKEN)
def test_what_is_cut_is_no_batch(source):
    assert parse(source) is None


@given(st.integers(min_value=6, max_value=len(of_dictionary()) - 1))
def test_a_batch_that_is_cut_anywhere_is_none_or_ends_with_a_message(at):
    layer = parse(of_dictionary()[:at])
    assert layer is None or layer.close() == of_dictionary()[:at]
