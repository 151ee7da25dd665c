"""docs/operations.md tells every metric and every reason, and no others."""

import re
from pathlib import Path

from gateway.status import METRICS, UNREADY, Reason

TEXT = (Path(__file__).parents[2] / "docs" / "operations.md").read_text(encoding="utf-8")


def test_every_metric_has_its_row_and_no_other_is_named():
    assert set(re.findall(r"\bgateway_\w+", TEXT)) == set(METRICS)


def test_every_reason_has_its_row_with_what_it_does_to_traffic():
    rows = re.findall(r"^\| (`[a-z_`, ]+`) \| (yes|no) \|", TEXT, re.MULTILINE)
    told = {word: answer == "yes" for words, answer in rows for word in re.findall(r"[a-z_]+", words)}
    assert told == {reason.value: reason in UNREADY for reason in Reason}
