"""The reader: a process of one thread and of the lowest priority. It is told what is known, then answers samples in order.

It opens no file and no connection, ends with the front, and is ended by the kernel where one sample costs it more CPU time
than it may, as a masker is.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from typing import Final

from gateway.core.limits import Limits
from gateway.maskers.bounds import Bounds, Stopwatch
from gateway.maskers.child import be_child
from gateway.monitor import wire
from gateway.monitor.reading import CAN_FAIL, Reader

LIMITS: Final = Limits(time=5.0)
LOWEST: Final = 19


def _received(link: socket.socket, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        piece = link.recv(min(size - len(data), 1 << 20))
        if not piece:
            raise ConnectionResetError
        data += piece
    return bytes(data)


def serve(link: socket.socket, bounds: Bounds) -> None:
    """Answers until the front is gone, which is a ConnectionError."""
    reader = Reader.of(wire.Setup([], [], {}, {}))
    while True:
        size = wire.LENGTH.unpack(_received(link, wire.LENGTH.size))[0]
        match wire.question(_received(link, size)):
            case wire.Setup() as setup:
                reader = Reader.of(setup)
            case wire.Sample() as sample:
                link.sendall(wire.frame(_read(reader, sample, bounds)))


def _read(reader: Reader, sample: wire.Sample, bounds: Bounds) -> wire.Answer:
    try:
        with bounds.around(LIMITS, Stopwatch()):
            return reader.read(sample)
    except CAN_FAIL:
        return wire.Unread()


def main(arguments: Sequence[str]) -> None:
    """Until the front is gone."""
    be_child("monitor")
    os.nice(LOWEST)
    with socket.socket(fileno=int(arguments[0])) as link:
        try:
            serve(link, Bounds())
        except ConnectionError:
            return  # the front is gone


if __name__ == "__main__":
    main(sys.argv[1:])
