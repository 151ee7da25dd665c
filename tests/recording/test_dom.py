"""The mirror of a recorded page: what it knows, what it forgets, and who may look at it at a time."""

from __future__ import annotations

import threading
import time

import cssselect2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.recording.dom import UNKNOWN, Element, Mirror, Selectors
from gateway.recording.sessions import Sessions


def page(mirror: Mirror) -> None:
    """`main.a > ul > li.x, li, li.y > b`, ids 1, 2, 3, 4, 5, 6."""
    mirror.reset()
    rows = [
        (1, "main", 0, "a"),
        (2, "ul", 1, ""),
        (3, "li", 2, "x"),
        (4, "li", 2, ""),
        (5, "li", 2, "y"),
        (6, "b", 5, ""),
    ]
    for node_id, tag, parent, classes in rows:
        mirror.add(Element(tag, {"class": classes} if classes else {}, mirror.elements.get(parent), node_id, mirror))


SELECTED = {
    "li": {3, 4, 5, 6},
    ".a": {1, 2, 3, 4, 5, 6},
    ".a li": {3, 4, 5, 6},
    "ul > .y": {5, 6},
    "main > li": set(),
    "li:not(.x)": {4, 5, 6},
    ":is(.x, .y)": {3, 5, 6},
    "li:has(b)": {5, 6},
    "main:has(.y)": {1, 2, 3, 4, 5, 6},
    ".x + li": {4},
    ".x ~ li": {4, 5, 6},
    "li:first-child": {3},
    "li:nth-child(2)": {4},
    "li:last-child": {5, 6},
    "[class]": {1, 2, 3, 4, 5, 6},
    "[class~=x]": {3},
    "[class^=y], .nothing": {5, 6},
    "UL": {2, 3, 4, 5, 6},
}


@pytest.mark.parametrize(("css", "ids"), SELECTED.items(), ids=SELECTED)
def test_a_selector_holds_for_an_element_and_all_in_it(css, ids):
    mirror, selectors = Mirror(), Selectors([(7, css)])
    page(mirror)
    assert {node_id for node_id, one in mirror.elements.items() if 7 in selectors.match_lineage(one)[1]} == ids


FILED = [
    *("#n", ".x", "[data-a]", "b", "*", "B", "b.x", "#n.x", "[data-a='1']", "[data-a~=x]", "[DATA-A]", ".x[data-a]"),
    *(":not(.x)", "[data-a]:not(b)", "[lang]", "[lang|=de]", ".x.y", "#n[data-a]", "li > .x", "b + b", ":is(.x, #n)"),
    *("[class]", "[id=n]", "[data-a^=x]", "[class*=y]", "b:has(b)", ".X"),
]
ATTRIBUTES = {
    "id": st.sampled_from(["n", "m", ""]),
    "class": st.sampled_from(["x", "y", "x y", " y  x ", "X", "", "x x"]),
    "data-a": st.sampled_from(["1", "x", "x 1", ""]),
    "lang": st.sampled_from(["de", "de-AT"]),
}


@given(st.sampled_from(["b", "B", "li", ""]), st.fixed_dictionaries({}, optional=ATTRIBUTES))
def test_a_selector_is_found_by_whatever_it_asks_for(tag, attributes):
    selectors = list(enumerate(FILED))
    matcher = cssselect2.Matcher()
    for number, css in selectors:
        for compiled in cssselect2.compile_selector_list(css):
            matcher.add_selector(compiled, number)
    element = Element(tag, attributes)
    assert Selectors(selectors).match(element) == {number for *_, number in matcher.match(element)}


def test_what_is_above_is_judged_once_and_still_where_it_changes():
    mirror, selectors = Mirror(), Selectors([(Selectors.PRIVATE, ".x"), (7, ".z")])
    page(mirror)
    leaf = mirror.elements[6]
    assert selectors.match_lineage(mirror.elements[2]) == (False, frozenset())
    assert selectors.match_lineage(leaf) == (False, frozenset())
    mirror.elements[1].set_attribute("class", "z x")
    assert selectors.match_lineage(leaf) == (True, {7})
    mirror.elements[1].set_attribute("class", "")
    assert selectors.match_lineage(leaf) == (True, frozenset())


def test_an_element_too_deep_is_private_though_what_is_above_was_judged():
    mirror, selectors = Mirror(), Selectors([(7, ".z")])
    mirror.reset()
    for node_id in range(1, 601):
        mirror.add(Element("div", {}, mirror.elements.get(node_id - 1), node_id, mirror))
        private, _ = selectors.match_lineage(mirror.elements[node_id])
        assert private is (node_id > 512)


CHANGES = {
    "a class of its own": ("li.z", lambda mirror: mirror.elements[4].set_attribute("class", "z")),
    "a class above": (".z li", lambda mirror: mirror.elements[1].set_attribute("class", "z")),
    "a class beside": (".z + li", lambda mirror: mirror.elements[3].set_attribute("class", "z")),
    "another place": (".y li", lambda mirror: mirror.add(Element("li", {}, mirror.elements[6], 4, mirror))),
    "a sibling that goes": ("li:first-child", lambda mirror: mirror.remove(3)),
    "a child that comes": ("li:has(i)", lambda mirror: mirror.add(Element("i", {}, mirror.elements[4], 9, mirror))),
}


@pytest.mark.parametrize(("css", "change"), CHANGES.values(), ids=CHANGES)
def test_what_holds_follows_the_page(css, change):
    mirror, selectors = Mirror(), Selectors([(7, css)])
    page(mirror)
    assert selectors.match_lineage(mirror.element(4)) == (False, frozenset())
    change(mirror)
    assert selectors.match_lineage(mirror.element(4)) == (False, frozenset({7}))


def test_what_other_selectors_found_is_not_believed():
    mirror = Mirror()
    page(mirror)
    assert Selectors([(1, "li")]).match_lineage(mirror.element(4))[1] == {1}
    assert Selectors([(2, "li"), (3, "main")]).match_lineage(mirror.element(4))[1] == {2, 3}
    assert Selectors([(4, "*")]).match_lineage(UNKNOWN) == (True, {4})
    assert Selectors([(5, "*")]).match_lineage(UNKNOWN) == (True, {5})


def test_a_private_mark_once_seen_stays_and_goes_with_the_page():
    mirror, selectors = Mirror(), Selectors([(Selectors.PRIVATE, ".x")])
    page(mirror)
    assert selectors.match_lineage(mirror.element(3))[0]
    mirror.elements[3].set_attribute("class", None)
    mirror.add(Element("li", {}, mirror.elements[2], 3, mirror))
    assert selectors.match_lineage(mirror.element(3))[0]
    mirror.reset()
    mirror.add(Element("li", {}, None, 3, mirror))
    assert not selectors.match_lineage(mirror.element(3))[0]


def test_siblings_keep_their_order():
    mirror = Mirror()
    mirror.reset()
    mirror.add(Element("ul", {}, None, 1, mirror))
    for node_id, before in [(2, None), (3, None), (4, 2), (5, 3), (6, 99), (7, 6)]:
        mirror.add(Element("li", {}, mirror.elements[1], node_id, mirror), before)
    assert [one.node_id for one in mirror.elements[1].children] == [4, 2, 5, 3, 7, 6]
    mirror.remove(5)
    mirror.remove(5)
    mirror.add(Element("li", {}, mirror.elements[1], 8, mirror), 5)
    assert [one.node_id for one in mirror.elements[1].children] == [4, 2, 3, 7, 6, 8]
    mirror.add(Element("li", {}, mirror.elements[1], 3, mirror), 4)
    assert [one.node_id for one in mirror.elements[1].children] == [3, 4, 2, 7, 6, 8]
    third = mirror.elements[2]
    assert (third.index, third.previous.node_id) == (2, 4)
    assert [one.node_id for one in third.previous_siblings] == [3, 4]
    assert [one.node_id for one in third.iter_next_siblings()] == [7, 6, 8]
    assert [one.node_id for one in third.etree_siblings] == [3, 4, 2, 7, 6, 8]


def test_an_element_that_comes_again_keeps_what_is_in_it():
    mirror, selectors = Mirror(), Selectors([(7, ".z")])
    page(mirror)
    again = mirror.add(Element("li", {}, mirror.elements[2], 5, mirror))
    again.set_attribute("class", "z")
    assert selectors.match_lineage(mirror.element(6))[1] == {7}


@pytest.mark.parametrize("parent", [5, 6], ids=["itself", "its child"])
def test_an_element_in_itself_is_unknown(parent):
    mirror = Mirror()
    page(mirror)
    mirror.add(Element("li", {}, mirror.elements[parent], 5, mirror))
    assert UNKNOWN in mirror.element(6).lineage()
    assert [one.node_id for one in mirror.elements[1].iter_subtree()] == [1, 2, 3, 4]


def test_a_lineage_ends():
    mirror = Mirror()
    one = mirror.add(Element("b", {}, None, 1, mirror))
    for node_id in range(2, 2000):
        one = mirror.add(Element("b", {}, one, node_id, mirror))
    lineage = list(one.lineage())
    assert len(lineage) < 1000
    assert lineage[-1] is UNKNOWN


def test_no_text_and_no_value_is_kept():
    mirror = Mirror()
    page(mirror)
    mirror.add_text(10, mirror.elements[3])
    assert mirror.holder_of_text(10) is mirror.elements[3]
    assert {type(one) for one in mirror.texts.values()} == {Element}
    assert "value" not in Selectors([(1, "li")]).attribute_names


def test_the_room_holds_for_elements_texts_and_documents_together():
    mirror = Mirror(room=5)
    mirror.reset()
    for node_id in range(1, 4):
        one = mirror.add(Element("b", {}, None, node_id, mirror))
        mirror.add_text(100 + node_id, one)
        mirror.add_document(200 + node_id, None)
    assert len(mirror) == 5
    assert mirror.element(3) is UNKNOWN


def test_an_element_is_found_by_its_name_as_long_as_it_has_it():
    mirror = Mirror()
    mirror.reset()
    mirror.add(Element("b", {"id": "pay"}, None, 1, mirror))
    assert mirror.find_by_id("pay").node_id == 1
    mirror.elements[1].set_attribute("id", "buy")
    assert mirror.find_by_id("pay") is None
    assert mirror.find_by_id("buy").node_id == 1


# sessions


def grow(sessions: Sessions, key: str, now: float = 0.0, nodes: int = 1) -> None:
    with sessions.hold([key], now) as mirrors:
        if not mirrors[key].known:
            mirrors[key].reset()
            for node_id in range(1, nodes + 1):
                mirrors[key].add(Element("b", {}, None, node_id, mirrors[key]))


def known(sessions: Sessions, key: str, now: float = 0.0) -> bool:
    with sessions.hold([key], now) as mirrors:
        return mirrors[key].known


def test_the_least_recently_used_session_goes_first():
    sessions = Sessions(most=3)
    for key in ("a", "b", "c", "a", "d"):
        grow(sessions, key)
    assert len(sessions) == 3
    assert [known(sessions, key) for key in ("a", "c", "d")] == [True, True, True]
    assert not known(sessions, "b")


def test_sessions_are_bounded_in_nodes_whatever_their_number():
    sessions = Sessions(nodes=100)
    for at in range(50):
        grow(sessions, f"s{at}", nodes=30)
        assert sessions.held <= 100
    assert len(sessions) >= 3
    grow(sessions, "large", nodes=101)
    assert not known(sessions, "large")


def test_a_session_that_was_idle_is_unknown():
    sessions = Sessions(idle=10.0)
    grow(sessions, "a", now=0.0)
    assert known(sessions, "a", now=9.0)
    assert not known(sessions, "a", now=20.0)


def test_an_idle_session_leaves_memory_at_the_next_request_of_another():
    sessions = Sessions(idle=10.0)
    grow(sessions, "a", now=0.0, nodes=30)
    grow(sessions, "b", now=9.0, nodes=5)
    grow(sessions, "c", now=11.0, nodes=5)
    assert (len(sessions), sessions.held) == (2, 10)


def test_a_failed_request_leaves_its_sessions_unknown_for_who_waits_already():
    sessions = Sessions()
    grow(sessions, "a")
    found: list[bool] = []

    def wait() -> None:
        with sessions.hold(["a"], 1.0) as mirrors:
            found.append(mirrors["a"].known)

    def fail() -> None:
        with sessions.hold(["a"], 0.0) as mirrors:
            waiting.start()
            while mirrors["a"].used < 1.0:  # the other one has it in its hands, and waits for its lock
                time.sleep(0.001)
            raise ZeroDivisionError

    waiting = threading.Thread(target=wait)
    with pytest.raises(ZeroDivisionError):
        fail()
    waiting.join(10)
    assert found == [False]


def test_two_requests_never_hold_one_session_at_a_time_nor_wait_for_each_other():
    sessions = Sessions()
    inside: list[str] = []
    overlaps: list[str] = []

    def work(keys: list[str]) -> None:
        for _ in range(200):
            with sessions.hold(keys, 0.0):
                if "s" in inside:
                    overlaps.append("s")
                inside.append("s")
                inside.remove("s")

    threads = [threading.Thread(target=work, args=(keys,)) for keys in (["s", "a"], ["a", "s"], ["s", "b"])]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert not any(one.is_alive() for one in threads)
    assert overlaps == []
