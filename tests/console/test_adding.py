"""A rule comes into a file's text at the end of its list, and nothing else of the text changes."""

import pytest
import yaml

from gateway.console.adding import added

RULE = 'mask:\n  - name: "one more"\n    select: ".x"\n    with: mask\n'
ITEM = {"name": "one more", "select": ".x", "with": "mask"}


@pytest.mark.parametrize(
    "text",
    [
        "extends: default\nmask:\n  - name: a\n    select: .a\n    with: mask\n",
        "extends: default\nmask:\n- name: a\n  select: .a\n  with: mask\nallow: []\n",
        "mask:\n    - name: a\n      select: .a\n      with: mask\n\n# about what follows\nallow:\n  - {name: b, text: b}\n",
        "mask:\n  - {name: a, select: .a, with: mask}   # its end\n  # more\n\n\nrecord: {media: keep}",
        "mask:\n  - name: a\n    select: |\n      .a,\n      #b\n    with: mask\ntests: []\n",
        "extends: default\n",
        "extends: default\n\n# nothing else",
        "",
    ],
)
def test_a_rule_is_put_at_the_end_of_the_list(text):
    merged = added(text, RULE)
    before, after = yaml.safe_load(text) or {}, yaml.safe_load(merged)
    assert after == {**before, "mask": [*before.get("mask", ()), ITEM]}
    assert [line for line in text.splitlines() if line not in merged.splitlines()] == []


def test_what_is_said_above_the_next_key_stays_above_it():
    merged = added("mask:\n  - name: a\n    with: mask\n\n# about visitors\nvisitors: []\n", RULE)
    assert merged.endswith("    with: mask\n\n# about visitors\nvisitors: []\n")


@pytest.mark.parametrize(
    "text", ["mask: []\n", "mask: [{name: a}]\n", "mask: 3\n", "- a\n- b\n", "a: [", "mask: []\nmask: []\n"]
)
def test_a_text_that_has_no_such_list_is_left_alone(text):
    assert added(text, RULE) is None


@pytest.mark.parametrize(
    "rule", ["", "mask: [", "mask: [{name: a}]", "allow:\n  - name: a\n", f"{RULE}allow: []\n", "- a\n"]
)
def test_what_is_no_list_of_rules_is_not_put_in(rule):
    assert added("extends: default\n", rule) is None
