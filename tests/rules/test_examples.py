"""Each before/after pair of rules/examples holds, byte for byte, under the default rules and one key."""

from pathlib import Path

import pytest

from tests.subject import program, request, sent, trackers

EXAMPLES = Path(__file__).parents[2] / "rules" / "examples"
PAIRS = sorted(path.relative_to(EXAMPLES).as_posix() for path in EXAMPLES.glob("*/before.*"))
MADE_UP = ("ann.example", "+46 70 174 06 05", "4111 1111 1111 1111", "GB33BUKB20201555555555", "198.51.100.7", "20417")


@pytest.mark.parametrize("pair", PAIRS)
def test_what_leaves_is_what_the_pair_shows(pair):
    before = EXAMPLES / pair
    after = before.with_name(f"after{before.suffix}").read_bytes()
    assert sent(program("", before.parent.name), request(before.read_bytes())).body == after


@pytest.mark.parametrize("pair", PAIRS)
def test_what_leaves_holds_nobody(pair):
    before = EXAMPLES / pair
    was, left = before.read_text(), before.with_name(f"after{before.suffix}").read_text()
    assert any(one in was for one in MADE_UP)
    assert [one for one in MADE_UP if one in left] == []


def test_every_folder_is_a_tracker_with_one_pair():
    folders = sorted(path.name for path in EXAMPLES.iterdir())
    assert {"posthog", "sentry", "rrweb", "matomo", "segment"} <= set(folders) <= set(trackers())
    for folder in folders:
        names = sorted(path.name for path in (EXAMPLES / folder).iterdir())
        assert [name.partition(".")[0] for name in names] == ["after", "before"]
