"""docs/monitoring.md tells every event of the log with its fields, every alert with its severity, and no others."""

from __future__ import annotations

import re
from pathlib import Path

from gateway.log import FIELDS, Event
from tests.deploy.test_monitoring import ALERTS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "monitoring.md").read_text(encoding="utf-8")
LOGS = TEXT[TEXT.index("## Logs") :]
SOURCES = "".join(
    path.read_text(encoding="utf-8") for path in (ROOT / "gateway").rglob("*.py") if path.name != "log.py"
)


def words(cell):
    return set(re.findall(r"`(\w+)`", cell))


def test_every_event_that_is_emitted_has_its_row_with_its_fields():
    rows = re.findall(r"^\| (`[^|]+) \| ([^|]*) \| [^|]+ \|$", LOGS, re.MULTILINE)
    told = {event: words(fields) for events, fields in rows for event in words(events)}
    emitted = {event for event in Event if f"Event.{event.name}" in SOURCES}
    assert set(told) == {event.value for event in emitted}
    for event in emitted:
        assert set(FIELDS[event]) <= told[event.value]


def test_every_alert_has_its_row():
    rows = re.findall(r"^\| (`Gateway[^|]+) \| (page|ticket) \|", TEXT, re.MULTILINE)
    told = {alert: severity for alerts, severity in rows for alert in words(alerts)}
    assert told == {rule["alert"]: rule["labels"]["severity"] for rule in ALERTS}
