"""Coordinates of a place: latitude and longitude as a pair, or one of them beside a word that names it.

Four decimals (eleven metres) or more, since fewer name a town. Numbers of drawings, colours, curves and matrices are
none: they stand in longer rows, behind a letter or in a function's parentheses.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.core.plugin import Context, Detector, Miss, MissReason
from gateway.core.signs import Shape
from gateway.detectors.beside import Words

_LATITUDE: Final = r"[-+]?(?:[0-8]?\d\.\d{4,18}|90\.0{4,18})"
_LONGITUDE: Final = r"[-+]?(?:(?:1[0-7]\d|\d?\d)\.\d{4,18}|180\.0{4,18})"
_PAIR: Final = re.compile(
    rf"(?<![\w.+-])({_LATITUDE})(°?\s?[NS]?\s{{0,2}}[,;/|]\s{{0,2}}|\s)({_LONGITUDE})(?![\w.]|\s?,\s?[-+]?\d+\.)"
)
_ARC: Final = r"°\s?(?:\d{1,2}[′']\s?(?:\d{1,2}(?:\.\d{1,6})?(?:[″\"]|'')\s?)?|\d{0,2}(?:\.\d{1,8})?['′]?\s?)"
_DEGREES: Final = re.compile(rf"(?<!\d)\d{{1,2}}{_ARC}[NS][,; /]{{0,3}}\d{{1,3}}{_ARC}[EWO](?![^\W_])")
_ISO_6709: Final = re.compile(
    r"(?<![\w.])[-+]\d{2}\.\d{4,12}[-+]\d{3}\.\d{4,12}(?:[-+]\d{1,6}(?:\.\d{1,6})?)?/?(?![\w.])"
)
_ONE: Final = re.compile(rf"(?<![\w.+-]){_LONGITUDE}(?![\w]|\.\d)")
_ROW_BEFORE: Final = re.compile(r"\d[\d.]{0,20}[\s,]{1,3}$")
_CALL_BEFORE: Final = re.compile(r"[\w-]\([^()]{0,40}$|[\w-]\($")
_ROW_AFTER: Final = re.compile(r"[\s,;/|]{1,3}[-+]?\d*\.\d|\s*[\])]?\s*[a-zA-Z]?-?\d+\.\d")
_DRAWN: Final = frozenset(
    {"points", "transform", "viewbox", "style", "css", "path", "matrix", "dasharray", "origin", "bezier", "easing",
     "keytimes", "keysplines", "values", "scale", "translate", "gradient", "filter", "stdev"}
)  # fmt: skip
_DRAWN_BEFORE: Final = re.compile(
    r"(?:dasharray|dashoffset|origin|size|position|margin|padding|points|transform|viewBox|scale|translate)"
    r"\s*[:=]\s*[\"']?$",
    re.IGNORECASE,
)
_PHRASES: Final = """
lat, latitude, lng, lon, long, longitude, breite, breitengrad, länge, längengrad, latitud, longitud, latitudine,
longitudine, latlng, latlon, ll, coords, coordinates, coordinate, gps, geo, geolocation, koordinaten, coordonnées,
coordenadas, coordinate gps, location, standort, position, szerokość, długość, широта, долгота, координаты, 緯度, 経度,
纬度, 经度, point, center, centre, destination, maps
"""
_WORDS: Final = Words(dict.fromkeys((one.strip() for one in _PHRASES.split(",")), (True,)))
_AXIS_PHRASES: Final = """
lat, latitude, lng, lon, longitude, breite, breitengrad, längengrad, latitud, longitud, latitudine, longitudine,
широта, долгота, 緯度, 経度, 纬度, 经度, geo lat, geo lon, geo lng
"""
_AXES: Final = Words(dict.fromkeys((one.strip() for one in _AXIS_PHRASES.split(",")), (True,)))


def _judged(text: str, context: Context) -> Iterator[tuple[int, int, MissReason | None]]:
    """Every pair and every number that could be half of one, with why it is none."""
    for pattern in (_DEGREES, _ISO_6709):
        for match in pattern.finditer(text):
            yield *match.span(), None
    has_key = bool(_WORDS.of_keys(context.keys))
    has_axis = bool(_AXES.of_keys(context.keys))
    is_drawing = not has_key and not _DRAWN.isdisjoint(context.keys)
    end = 0
    for match in _PAIR.finditer(text):
        start = match.start()
        end = match.end()
        before = text[max(0, start - 48) : start]
        if has_key or _WORDS.beside(text, start)[0]:
            yield start, end, None
        elif is_drawing or _is_drawn(text, before, end) or not match[2].strip() or _is_unit(match[1], match[3]):
            yield start, end, MissReason.MEASURE_LIKE
        else:
            yield start, end, None
    for match in _ONE.finditer(text):
        if has_axis or _AXES.beside(text, match.start())[0]:
            yield *match.span(), None


def _is_drawn(text: str, before: str, end: int) -> bool:
    return bool(
        _ROW_BEFORE.search(before)
        or _CALL_BEFORE.search(before)
        or _DRAWN_BEFORE.search(before)
        or _ROW_AFTER.match(text, end)
    )


def _is_unit(latitude: str, longitude: str) -> bool:
    """Whether both are fractions of one, as of a curve or of a picture's sides."""
    return abs(float(latitude)) <= 1 and abs(float(longitude)) <= 1


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    for start, end, reason in _judged(text, context):
        if reason is None:
            yield start, end


def _why_not(text: str, context: Context) -> Iterator[Miss]:
    for start, end, reason in _judged(text, context):
        if reason is not None:
            yield Miss(start, end, DETECTOR.name, reason)


_ENOUGH: Final = re.compile(r"\d\.\d{4}|\d°")

DETECTOR: Final = Detector(
    name="coordinates",
    title="coordinates of a place",
    label="place",
    hint=lambda text: _ENOUGH.search(text) is not None,
    find=_find,
    why_not=_why_not,
    shapes=(Shape.PLACE,),
    beside=_AXES.forms,
    keyed=(Shape.DECIMAL,),
    named=lambda keys: bool(_AXES.of_keys(keys)),
)
