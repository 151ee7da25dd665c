"""generalise: coarser, and still of use: what a category knows of its values decides how.

A user agent keeps its family and major version, a place its country, an address its network. A rule may round numbers
(`to: 50`) or dates (`date: year`) of any category. What none of these can make coarser is masked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from functools import partial

from gateway.core.category import Category
from gateway.core.document import Kind
from gateway.core.plugin import Operator, Situation
from gateway.operators.mask import mask_text
from gateway.operators.parameters import check_names, read_choice
from gateway.operators.shapes import hidden
from gateway.operators.truncate import truncate_address
from gateway.operators.user_agent import coarsen_number, coarsen_text

PARAMETERS = {
    "to": "numbers become the nearest multiple of this one",
    "date": "year or month: what stays of a date; the rest becomes its first day and 0 o'clock",
}

_COUNTRIES = """
    AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ
    CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET EU FI FJ FK FM
    FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT
    JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN
    MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT
    PW PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL
    TM TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS XK YE YT ZA ZM ZW
"""
COUNTRIES = frozenset(_COUNTRIES.split())  # ISO 3166-1 alpha-2, with the EU and Kosovo as they are used
DEGREES = Decimal(10)  # a country's width, about

_DECIMAL = re.compile(r"[-+]?[0-9]{1,40}(?:\.[0-9]{1,40})?(?:[eE][-+]?[0-9]{1,3})?")
_DATES = (  # readings of a date; where day and month can't be told apart, neither stays
    re.compile(
        r"(?P<year>\d{4})(?P<a>-)(?P<month>\d{2})(?P<b>-)(?P<day>\d{2})"
        r"(?P<rest>[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?)?(?P<zone>Z|[-+]\d{2}:?\d{2})?",
        re.ASCII,
    ),
    re.compile(r"(?P<year>\d{4})(?P<a>[/.])(?P<month>\d{1,2})(?P<b>[/.])(?P<day>\d{1,2})", re.ASCII),
    re.compile(r"(?P<year>\d{4})(?P<month>\d{2})(?P<day>\d{2})", re.ASCII),
    re.compile(r"(?P<day>\d{1,2})(?P<a>\.)(?P<month>\d{1,2})(?P<b>\.)(?P<year>\d{4})", re.ASCII),
    re.compile(r"(?P<unclear>\d{1,2})(?P<a>[/-])(?P<unclear2>\d{1,2})(?P<b>[/-])(?P<year>\d{4})", re.ASCII),
)
_EPOCH = re.compile(r"(\d{9,10})(\d{3})?", re.ASCII)


def round_number(literal: str, step: Decimal) -> str | None:
    """The multiple of `step` that is nearest to a decimal number; None where the literal is none."""
    if not _DECIMAL.fullmatch(literal):
        return None
    number = Decimal(literal)
    if number and abs(number.adjusted()) > 20:
        return "0"
    rounded = (number / step).to_integral_value(ROUND_HALF_UP) * step
    return literal if rounded == number else f"{rounded.normalize() + 0:f}"


def _first_of(found: re.Match[str], part: str) -> str | None:
    groups = found.groupdict()
    try:
        if "unclear" not in groups:
            date(int(groups["year"]), int(groups["month"]), int(groups["day"]))
    except ValueError:
        return None
    day_and_month = [groups[name] for name in ("day", "month", "unclear", "unclear2") if name in groups]
    first = "01" if all(len(text) == 2 for text in day_and_month) else "1"
    pieces: list[str] = []
    for name, text in groups.items():
        if text is None:
            continue
        match name:
            case "day" | "unclear" | "unclear2":
                pieces.append(first)
            case "month":
                pieces.append(text if part == "month" else first)
            case "rest":
                pieces.append(re.sub(r"\d", "0", text))
            case _:
                pieces.append(text)
    return "".join(pieces)


def coarsen_date(text: str, part: str) -> str | None:
    """The first day of a date's year or month, written as the date was; None where the text is no date."""
    for reading in _DATES:
        found = reading.fullmatch(text)
        if found is not None:
            coarse = _first_of(found, part)
            if coarse is not None:
                return coarse
    epoch = _EPOCH.fullmatch(text)
    if epoch is None:
        return None
    start = datetime(1970, 1, 1, tzinfo=UTC)
    moment = start + timedelta(seconds=int(epoch[1]))
    first = datetime(moment.year, moment.month if part == "month" else 1, 1, tzinfo=UTC)
    seconds = str(int((first - start).total_seconds()))
    return f"{seconds}{'000' if epoch[2] else ''}" if _EPOCH.fullmatch(seconds) else None  # 1973: too short to be one


def _one_digit(literal: str) -> str:
    """A number with one digit that counts."""
    if not _DECIMAL.fullmatch(literal):
        return "0"
    number = Decimal(literal)
    return round_number(literal, Decimal(1).scaleb(number.adjusted())) or "0" if number else literal


def _user_agent(value: str, kind: Kind) -> str:
    if kind is Kind.WORD:
        return value  # "is it a mobile?"
    return coarsen_number(value) if kind is Kind.NUMBER else coarsen_text(value)


def _location(value: str, kind: Kind) -> str:
    if kind is not Kind.NUMBER:
        return value if value.upper() in COUNTRIES else mask_text(value)
    rounded = round_number(value, DEGREES)
    # what is no degree of latitude or longitude is a postcode or an id
    return rounded if rounded is not None and abs(Decimal(value)) <= 180 else "0"


def _address(value: str, kind: Kind) -> str:
    return "0" if kind is Kind.NUMBER else truncate_address(value) or mask_text(value)


def _other(value: str, kind: Kind) -> str:
    return _one_digit(value) if kind is Kind.NUMBER else mask_text(value)


BY_CATEGORY: Mapping[str, Callable[[str, Kind], str]] = {
    Category.USER_AGENT: _user_agent,
    Category.LOCATION: _location,
    Category.IP_ADDRESSES: _address,
}


def _as_category(value: str, situation: Situation) -> str:
    if not value:
        return value
    coarsen = BY_CATEGORY.get(situation.category, _other)
    if situation.kind is Kind.WORD and coarsen is not _user_agent:
        return hidden(value, situation.kind)
    return coarsen(value, situation.kind)


def _as_told(coarsen: Callable[[str], str | None], value: str, situation: Situation) -> str:
    """What a rule asks for, or a mask: a category's own way could make of the rest what reads as a number or date."""
    coarse = coarsen(value) if value else value
    if coarse is not None:
        return coarse
    return mask_text(value) if situation.kind is Kind.TEXT else hidden(value, situation.kind)


def _prepare(given: Mapping[str, object]) -> Callable[[str, Situation], str]:
    check_names("generalise", given, PARAMETERS)
    part = read_choice("generalise", given, "date", ("year", "month"))
    if "to" in given:
        if part is not None:
            raise ValueError("generalise takes 'to' or 'date', not both")
        return partial(_as_told, partial(round_number, step=_read_step(given["to"])))
    return _as_category if part is None else partial(_as_told, partial(coarsen_date, part=part))


def _read_step(value: object) -> Decimal:
    step = Decimal(str(value)) if isinstance(value, int | float) and not isinstance(value, bool) else Decimal(0)
    if not step.is_finite() or not Decimal("1e-6") <= step <= Decimal("1e12"):
        raise ValueError("generalise: to must be a number above 0")
    return step


GENERALISE = Operator(name="generalise", strength=20, parameters=PARAMETERS, prepare=_prepare)
