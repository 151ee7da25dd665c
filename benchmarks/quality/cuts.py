"""Values that are cut: over texts of one line of a recorded page, over the items of an array.

Each cut writes many samples into one request and reads back, for each of them, what its parts say in their order. The
reading half is the standard library's alone.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from gateway.core.message import Headers, Inbound

from .people import Sample

JSON = Headers([("Content-Type", "application/json")])
ARRAYS = frozenset({"payment_card", "iban", "email", "phone", "national_id", "us_ssn", "imei"})
_FIRST = 100
_STEP = 20  # numbers of nodes that one paragraph has


@dataclass(frozen=True)
class Cut:
    """`fits` says which samples can be cut so; `wrap` makes the request, `unwrap` gives what each sample's parts say."""

    name: str
    shape: str
    tracker: str | None
    fits: Callable[[Sample], bool]
    wrap: Callable[[Sequence[Sample]], Inbound]
    unwrap: Callable[[bytes], list[str]]


def _post(path: str, told: Any) -> Inbound:
    return Inbound("POST", path, JSON, json.dumps(told, ensure_ascii=False).encode())


def _parts(sample: Sample, size: int) -> list[str]:
    """A sample's text, its value cut into so many parts."""
    length = len(sample.value)
    cuts = [length * at // size for at in range(size + 1)]
    parts = [sample.value[left:right] for left, right in pairwise(cuts)]
    parts[0], parts[-1] = sample.before + parts[0], parts[-1] + sample.after
    return parts


def _text(node_id: int, content: str) -> dict[str, Any]:
    return {"type": 3, "id": node_id, "textContent": content}


def _element(node_id: int, tag: str, *children: dict[str, Any]) -> dict[str, Any]:
    return {"type": 2, "id": node_id, "tagName": tag, "attributes": {}, "childNodes": list(children)}


def _page(paragraphs: list[dict[str, Any]]) -> dict[str, Any]:
    node = {"type": 0, "id": 1, "childNodes": [_element(2, "html", _element(3, "body", *paragraphs))]}
    return {"type": 2, "timestamp": 1764000000000, "data": {"initialOffset": {"left": 0, "top": 0}, "node": node}}


def _change(**lists: Any) -> dict[str, Any]:
    data = {"source": 0, "texts": [], "attributes": [], "removes": [], "adds": [], **lists}
    return {"type": 3, "timestamp": 1764000000001, "data": data}


def _shown(node: Any) -> str:
    if isinstance(node, list):
        return "".join(map(_shown, node))
    return str(node.get("textContent", "")) + _shown(node.get("childNodes", []))


def _of_page(body: bytes) -> list[str]:
    page = json.loads(body)["events"][0]["data"]["node"]
    return [_shown(paragraph) for paragraph in page["childNodes"][0]["childNodes"][0]["childNodes"]]


def _siblings(samples: Sequence[Sample]) -> Inbound:
    rows = []
    for at, sample in enumerate(samples):
        first = _FIRST + at * _STEP
        texts = (_text(first + 1 + index, part) for index, part in enumerate(_parts(sample, 2)))
        rows.append(_element(first, "p", *texts))
    return _post("/events", {"events": [_page(rows)]})


def _inline(samples: Sequence[Sample]) -> Inbound:
    rows = []
    for at, sample in enumerate(samples):
        first = _FIRST + at * _STEP
        one, two, three = _parts(sample, 3)
        rows.append(
            _element(
                first,
                "div",
                _text(first + 1, one),
                _element(first + 2, "b", _element(first + 3, "a", _text(first + 4, two))),
                _element(first + 5, "span", _text(first + 6, three)),
            )
        )
    return _post("/events", {"events": [_page(rows)]})


def _texts(samples: Sequence[Sample]) -> Inbound:
    """The texts change in one record, the last of them first."""
    rows, changes = [], []
    for at, sample in enumerate(samples):
        first = _FIRST + at * _STEP
        rows.append(
            _element(first, "p", _text(first + 1, "-"), _element(first + 2, "b", _text(first + 3, "-")), _text(first + 4, "-"))
        )  # fmt: skip
        ids = (first + 1, first + 3, first + 4)
        changes += [{"id": one, "value": part} for one, part in reversed([*zip(ids, _parts(sample, 3), strict=True)])]
    return _post("/events", {"events": [_page(rows), _change(texts=changes)]})


def _of_texts(body: bytes) -> list[str]:
    texts = json.loads(body)["events"][1]["data"]["texts"]
    return ["".join(one["value"] for one in reversed(texts[at : at + 3])) for at in range(0, len(texts), 3)]


def _adds(samples: Sequence[Sample]) -> Inbound:
    """The nodes come later, each told with the one behind it."""
    rows, changes = [], []
    for at, sample in enumerate(samples):
        first = _FIRST + at * _STEP
        rows.append(_element(first, "p"))
        one, two, three = _parts(sample, 3)
        changes += [
            {"parentId": first, "nextId": None, "node": _text(first + 4, three)},
            {"parentId": first, "nextId": first + 4, "node": _element(first + 2, "i", _text(first + 3, two))},
            {"parentId": first, "nextId": first + 2, "node": _text(first + 1, one)},
        ]
    return _post("/events", {"events": [_page(rows), _change(adds=changes)]})


def _of_adds(body: bytes) -> list[str]:
    adds = json.loads(body)["events"][1]["data"]["adds"]
    return ["".join(_shown(one["node"]) for one in reversed(adds[at : at + 3])) for at in range(0, len(adds), 3)]


def _arrays(cut: Callable[[Sample], list[Any]]) -> Callable[[Sequence[Sample]], Inbound]:
    return lambda samples: _post("/collect", {"rows": [{sample.key: cut(sample)} for sample in samples]})


def _of_arrays(body: bytes) -> list[str]:
    return ["".join(map(str, next(iter(row.values())))) for row in json.loads(body)["rows"]]


def _groups(sample: Sample) -> list[str]:
    """As it is printed, or in fours."""
    printed = re.split(r"[ .-]+", sample.value)
    if len(printed) > 2:
        return printed
    plain = re.sub(r"\W", "", sample.value)
    return [plain[at : at + 4] for at in range(0, len(plain), 4)]


def _in_array(sample: Sample) -> bool:
    return sample.kind in ARRAYS


_LINE = "rrweb, one line"
_ARRAY = "JSON of no known tracker"


def in_lines(texts: Sequence[str], each: int = 3) -> Inbound:
    """Texts side by side on a page, so many to a paragraph, nothing between."""
    rows = []
    for at in range(0, len(texts), each):
        first = _FIRST + at * _STEP
        spans = (
            _element(first + 1 + 2 * index, "span", _text(first + 2 + 2 * index, text))
            for index, text in enumerate(texts[at : at + each])
        )
        rows.append(_element(first, "p", *spans))
    return _post("/events", {"events": [_page(rows)]})


def of_lines(body: bytes) -> list[str]:
    """The texts of `in_lines`, as they left."""
    page = json.loads(body)["events"][0]["data"]["node"]
    paragraphs = page["childNodes"][0]["childNodes"][0]["childNodes"]
    return [_shown(span) for paragraph in paragraphs for span in paragraph["childNodes"]]


CUTS = (
    Cut("cut over two text nodes", _LINE, "rrweb", lambda _: True, _siblings, _of_page),
    Cut("cut over inline elements", _LINE, "rrweb", lambda _: True, _inline, _of_page),
    Cut("cut over changed texts", _LINE, "rrweb", lambda _: True, _texts, _of_texts),
    Cut("cut over added nodes", _LINE, "rrweb", lambda _: True, _adds, _of_adds),
    Cut("signs in an array", _ARRAY, None, _in_array, _arrays(lambda sample: list(sample.value)), _of_arrays),
    Cut(
        "digits in an array",
        _ARRAY,
        None,
        lambda sample: _in_array(sample) and sample.value.isdecimal(),
        _arrays(lambda sample: [int(sign) for sign in sample.value]),
        _of_arrays,
    ),
    Cut(
        "groups in an array",
        _ARRAY,
        None,
        lambda sample: sample.kind in ("payment_card", "iban"),
        _arrays(_groups),
        _of_arrays,
    ),
)
