"""What docs/operators.md shows is what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from gateway.core.plugin import Situation
from gateway.operators import OPERATORS, prepare_spec

TEXT = (Path(__file__).parents[2] / "docs" / "operators.md").read_text(encoding="utf-8")
KEY = bytes(32)

EXAMPLES = re.findall(r"^\| (\w+) \| `(.+)` \| `(.*)` \| `(.*)` \|$", TEXT, re.MULTILINE)
BY_CATEGORY = re.findall(r"^\| (\w+) \| `(.+)` \| `(.*)` \|$", TEXT, re.MULTILINE)


@pytest.mark.parametrize(("name", "spec", "before", "after"), EXAMPLES)
def test_an_example_does_what_it_shows(name, spec, before, after):
    operator, run = prepare_spec(yaml.safe_load(spec))
    assert operator.name == name
    assert run(before, Situation(KEY, place="properties.email", sealing=("k1", KEY))) == after


@pytest.mark.parametrize(("category", "before", "after"), [row for row in BY_CATEGORY if "` | `" not in row[1]])
def test_a_category_is_generalised_as_shown(category, before, after):
    assert prepare_spec("generalise")[1](before, Situation(KEY, category=category)) == after


def test_every_operator_has_an_example_in_order_of_strength():
    assert list(dict.fromkeys(row[0] for row in EXAMPLES)) == [operator.name for operator in OPERATORS]


def test_every_parameter_is_explained():
    for operator in OPERATORS:
        assert all(f"`{name}`" in TEXT or f"{name}:" in TEXT for name in operator.parameters)


def test_the_table_of_categories_is_read():
    assert len([row for row in BY_CATEGORY if "` | `" not in row[1]]) == 7
