"""Where a visitor is, as far as the law cares: a country (`DE`), or a state where it is known (`US-CA`), in regions.

Unknown is in every region that a rule names: the strictest one holds.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

EVERYWHERE: Final = "everywhere"

REGIONS: Final[Mapping[str, frozenset[str]]] = {
    # the European Union with the parts of it that have codes of their own, and Iceland, Liechtenstein and Norway
    "gdpr": frozenset(
        "AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE IS LI NO AX GF GP MF MQ RE YT".split()
    ),
    "uk": frozenset({"GB"}),
    "ch": frozenset({"CH"}),
    "us": frozenset({"US"}),
    # states with a law of their own that gives visitors an opt-out, by the date that it took effect until 2026
    "us_privacy": frozenset(
        f"US-{state}" for state in "CA VA CO CT UT FL TX OR MT DE IA NE NH NJ TN MN MD IN KY RI".split()
    ),
}
_CODE: Final = re.compile(r"[A-Z]{2}(?:-[A-Z0-9]{1,3})?\Z", re.ASCII)
_NOWHERE: Final = frozenset(
    {"XX", "T1", "A1", "A2", "O1", "AP", "ZZ"}
)  # what fronts and databases say when they don't know


def known_place(text: str) -> str:
    """A country or state code as `DE` or `US-CA`; empty for what is none."""
    code = text.strip().upper()
    return code if _CODE.match(code) and code[:2] not in _NOWHERE else ""


def check_region(name: str) -> str:
    """A region's name, or a code; ValueError for anything else."""
    if name in REGIONS or name == EVERYWHERE or (known_place(name) == name and name):
        return name
    raise ValueError(f"{name!r} is no region: write {', '.join(REGIONS)}, {EVERYWHERE}, or a code such as DE or US-CA")


def region_of(place: str) -> str:
    """The one region that counts name a place by: the most local of those that it is in; `elsewhere`, or `unknown`."""
    if not place:
        return "unknown"
    for name in ("us_privacy", "us", "gdpr", "uk", "ch"):
        if place in REGIONS[name] or place.partition("-")[0] in REGIONS[name]:
            return name
    return "elsewhere"


def is_in(place: str, regions: Iterable[str]) -> bool:
    """Whether a place is in any of these regions. An unknown place is; so is a country of which the state is not known."""
    for name in regions:
        if name == EVERYWHERE or not place:
            return True
        for code in REGIONS.get(name, frozenset({name})):
            if place == code or place.partition("-")[0] == code or ("-" not in place and code.startswith(f"{place}-")):
                return True
    return False
