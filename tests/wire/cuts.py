"""A backend that resets or closes its connection at every byte of an answer of 2 KiB: `python -m tests.wire.cuts`.

Whatever the place, the browser gets the whole answer, a 502, or an answer that visibly breaks off; and the next request is
served as if nothing had been.
"""

from __future__ import annotations

import socket
import struct
import sys
from collections import Counter
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse
from io import BytesIO

from tests.wire.conftest import OK, Backend, Stage

BODY = bytes(range(32, 127)) * 18
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Padding: " + b"p" * 180 + b"\r\n"
CHUNKS = b"".join(b"%x;a=b\r\n%s\r\n" % (len(one), one) for one in (BODY[:700], BODY[700:]))
ANSWERS = {
    "length": HEAD + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY,
    "chunks": HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + CHUNKS + b"0\r\n\r\n",
}
GET = b"GET /t/e HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


def reset(connection: socket.socket) -> None:
    """RST instead of FIN, once whoever serves the connection has let go of it as well."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    raise ConnectionResetError


def close(connection: socket.socket) -> None:
    """FIN."""
    connection.shutdown(socket.SHUT_RDWR)


ENDS: dict[str, Callable[[socket.socket], None]] = {"reset": reset, "close": close}


class Raw(BytesIO):
    """What `http.client` reads an answer from."""

    def makefile(self, *_: object) -> Raw:
        return self


def verdict(got: bytes) -> str:
    """`whole`, `502`, `broken off` (the browser can tell), or what must not be."""
    if not got:
        return "broken off"
    answer = HTTPResponse(Raw(got))  # type: ignore[arg-type]
    try:
        answer.begin()
        body = answer.read()
    except HTTPException:
        return "broken off"
    if answer.status == 200:
        return "whole" if body == BODY else "a part of it, as if it were all"
    return str(answer.status)


def cut(stage: Stage, framing: str, end: str, offset: int) -> str:
    """What a browser gets of an answer that ends after `offset` bytes."""
    sent = ANSWERS[framing][:offset]

    def script(connection: socket.socket) -> None:
        connection.sendall(sent)
        ENDS[end](connection)

    stage.backend.script = script
    found = verdict(stage.talk(GET))
    stage.backend.script = OK
    if not stage.talk(GET).endswith(b"\r\n\r\nok"):
        return "and the next request is not served"
    complete = offset == len(ANSWERS[framing])
    allowed = (
        {"whole", "broken off", "502"}
        if complete and end == "reset"
        else {"whole"}
        if complete
        else {"broken off", "502"}
    )
    return found if found in allowed else f"must not be: {found}"


def main() -> int:
    """Every offset, both framings, both ends."""
    backend = Backend()
    stage = Stage(backend).start()
    failed = 0
    try:
        for framing, answer in ANSWERS.items():
            for end in ENDS:
                found = Counter(cut(stage, framing, end, offset) for offset in range(len(answer) + 1))
                failed += sum(count for what, count in found.items() if what not in {"whole", "broken off", "502"})
                print(
                    f"{framing}, {end}, {len(answer) + 1} offsets:",
                    *(f"{count} {what};" for what, count in found.items()),
                )
    finally:
        stage.stop()
        backend.close()
    print(f"{failed} that must not be")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
