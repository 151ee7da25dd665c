"""A selector picks the element that was clicked: in the rule that is written from it, on the page as it was."""

import json

import cssselect2
import pytest

from gateway.core.outcome import Send
from gateway.core.pipeline import mask
from gateway.insight.selector import fits
from tests.recording import page as rrweb
from tests.subject import program

from .rebuilding import masked, of_events, recorded, seen, view


def element(node_id, tag, *children, **attributes):
    return rrweb.element(node_id, tag, *children, rrweb.text(node_id + 500, f"text {node_id}"), **attributes)


PAGE = rrweb.snapshot(
    element(10, "p", id="total"),
    element(11, "p", id="r1a2b3c4d5e6"),
    element(12, "p", data_testid="sum", class_="x"),
    element(13, "p", class_="price css-1q2w3e"),
    element(14, "p", class_="price"),
    element(15, "p", class_="price old"),
    rrweb.element(16, "ul", element(17, "li"), element(18, "li"), element(19, "li"), id="list"),
    element(20, "my-card", element(21, "b"), element(22, "b")),
    element(23, "p", data_ref='KD-1 " ]{}', class_="md:flex"),
    rrweb.element(24, "input", name="iban", type="text"),
    rrweb.element(25, "select", name="plan"),
    element(27, "h2", id="", name="", class_=""),
    element(26, 'weird"<tag'),
)  # fmt: skip


@pytest.mark.parametrize(
    ("number", "css"),
    [
        (10, "#total"),
        (11, "body > p:nth-of-type(2)"),
        (12, '[data-testid="sum"]'),
        (13, "body > p:nth-of-type(4)"),
        (14, "body > p:nth-of-type(5)"),
        (15, ".old"),
        (18, "#list > li:nth-of-type(2)"),
        (22, "body > my-card > b:nth-of-type(2)"),
        (23, r".md\:flex"),
        (24, 'input[name="iban"]'),
        (25, 'select[name="plan"]'),
        (27, "body > h2"),
        (26, "body > *:nth-child(13)"),
    ],
)
def test_the_most_telling_part_of_an_element_names_it(number, css):
    item = seen(PAGE).way(number)[-1]
    assert (item.selector, item.is_unique) == (css, True)


@pytest.mark.parametrize(
    "name", ["css-1q2w3e", "sc-bdVaJa1", "r1a2b3c4d5e6", "a" * 65, "item-20391", "9lives", "a b", 'a"b', "Ab3xY9", ""]
)
def test_what_a_machine_has_named_is_no_name(name):
    assert not fits(name)


@pytest.mark.parametrize("name", ["price", "order-total", "h1", "col-12", "md:flex", "accountNumber", "step_2", "-x"])
def test_what_a_person_has_named_is_one(name):
    assert fits(name)


@pytest.mark.parametrize("run", ["rrweb", "datadog", "openreplay", "clarity"])
def test_a_rule_with_the_selector_masks_what_was_clicked_and_nothing_else(run):
    before = view(masked(recorded(run)))
    clicked = next(item for item in before.items if item.label.startswith("now Zyxcanarychardata"))
    beside = next(item for item in before.items if item.label.startswith("Late Zyxcanarymutation"))
    for item in (clicked, beside):
        rules = f"mask: [{{name: clicked, select: '{item.selector}', with: redact}}]"
        after = view(masked(recorded(run), rules), rules)
        changed = [one.number for one, other in zip(after.items, before.items, strict=True) if one.label != other.label]
        assert changed == [item.number]
        assert after.way(item.number)[-1].label == "[redacted]"


def test_what_was_masked_is_never_asked_for():
    page = rrweb.snapshot(element(10, "p", data_owner="***", class_="row"), element(11, "p", class_="row"))
    assert [item.selector for item in view(masked(of_events(page))).items if item.is_listed] == [
        "body > p:nth-of-type(1)",
        "body > p:nth-of-type(2)",
    ]


def test_every_selector_is_one_that_rules_take():
    for item in seen(PAGE).items:
        assert cssselect2.compile_selector_list(item.selector)
        outcome = mask(
            of_events(PAGE)[0],
            program(f"mask: [{{name: n, select: {json.dumps(item.selector)}, with: mask}}]"),
            lambda: 0.0,
        )
        assert isinstance(outcome, Send)


def test_a_page_of_equal_elements_in_a_deep_tree_ends_in_time():
    adds = [rrweb.add(3 if at == 0 else 999 + at, rrweb.element(1000 + at, "div")) for at in range(500)]
    beside = [rrweb.add(1000 + at, rrweb.element(2000 + at, "div", rrweb.text(3000 + at, "x"))) for at in range(500)]
    found = seen(rrweb.snapshot(), rrweb.mutation(adds=[*adds, *beside]))
    assert sum(item.is_listed for item in found.items) == 500
    assert [item.number for item in found.way(2001)] == [2, 3, 1000, 1001, 2001]
    assert found.way(2000)[-1].is_unique
    assert not found.way(2499)[-1].is_unique
