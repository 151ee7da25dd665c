"""Private keys in PEM armour (RFC 7468), of OpenSSH and PGP too; one whose end is cut off goes on to the text's end."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.core.plugin import Context, Detector

_BEGIN: Final = re.compile(r"-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")
_END: Final = re.compile(r"-----END [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----")


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    del context
    begin = _BEGIN.search(text)
    while begin:
        end = _END.search(text, begin.end())
        stop = end.end() if end else len(text)
        yield begin.start(), stop
        begin = _BEGIN.search(text, stop)


DETECTOR: Final = Detector(
    name="private_key",
    title="private key",
    label="private key",
    hint=lambda text: "PRIVATE KEY" in text,
    find=_find,
    literals=(("PRIVATE KEY", 0),),
)
