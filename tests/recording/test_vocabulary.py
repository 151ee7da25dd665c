"""A reduced value compares as the value does, with whatever the selectors ask, and holds nothing else of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.recording.dom import Element, Selectors
from gateway.recording.vocabulary import Reduced, Vocabulary, name_of

KEY = b"k" * 32
NAMES = ("id", "class", "name", "data-x")
PIECES = st.text("abAB -._", max_size=4)
LITERALS = st.text("abAB-", min_size=1, max_size=3)


def made(*selectors):
    compiled = Selectors(enumerate(selectors))
    return compiled, Vocabulary(selectors, compiled.attribute_names, KEY)


@st.composite
def selectors(draw):
    name, operator = draw(st.sampled_from(NAMES)), draw(st.sampled_from(("=", "~=", "|=", "^=", "$=", "*=")))
    literal, flag = draw(LITERALS), draw(st.sampled_from(("", " i", " s")))
    one = draw(
        st.sampled_from(
            (f'[{name}{operator}"{literal}"{flag}]', f".x{literal}", f"#x{literal}", f"[{name}]", f'[{name}=""]')
        )
    )
    return draw(st.sampled_from((one, f":not({one})", f":is(p, {one})", f"p:where({one})")))


@given(
    st.lists(selectors(), min_size=1, max_size=6),
    st.dictionaries(st.sampled_from(NAMES), st.lists(PIECES | LITERALS.map("x{}".format), max_size=4).map("".join)),
)
def test_selectors_find_the_same_on_what_is_left(css, attributes):
    compiled, vocabulary = made(*css)
    left = {name: vocabulary.reduce(value, is_name=name == "id") for name, value in attributes.items()}
    assert None not in left.values()
    assert compiled.match(Element("p", left)) == compiled.match(Element("p", dict(attributes)))


@pytest.mark.parametrize(
    "value", ["Mara Lindqvist", "mara@example.org", "4111 1111", "x\0y", "card mara", "prefix-mara"]
)
def test_nothing_else_is_left(value):
    _, vocabulary = made(".card", "[class^=prefix-]", "#order", "[name*=ret]")
    for is_name in (False, True):
        reduced = vocabulary.reduce(value, is_name=is_name)
        assert isinstance(reduced, Reduced)
        for part in ("mara", "Mara", "Lindqvist", "4111", "example", "x\0y"):
            assert part not in reduced


def test_a_name_is_found_by_its_fingerprint_and_only_under_its_key():
    _, vocabulary = made(".card")
    reduced = vocabulary.reduce("customer-4711", is_name=True)
    assert name_of(reduced) == vocabulary.fingerprint("customer-4711")
    assert name_of(reduced) != Vocabulary([".card"], (), b"q" * 32).fingerprint("customer-4711")
    assert vocabulary.reduce(reduced, is_name=True) is reduced


def test_what_can_not_be_told_is_none():
    _, vocabulary = made("[class*=i]")
    assert vocabulary.reduce("İ" * 3) is None  # longer in lower case: positions can't be told
    assert vocabulary.reduce("ab i " * 300, is_name=False) is not None
    assert (
        Vocabulary([f"[class*=w{n}]" for n in range(400)], (), KEY).reduce("".join(f"-w{n}" for n in range(400)))
        is None
    )


def test_other_selectors_are_another_vocabulary():
    digests = {Vocabulary(css, names, KEY).digest for css in ([], [".a"], [".b"]) for names in ([], ["x"])}
    assert len(digests) == 6
