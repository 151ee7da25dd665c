"""Heavy work on what people and visitors sent: in a process of its own, with a time limit, never on the front's event loop.

    front: Workshop.run(work, arguments, giving=T) ══ a socket pair ══ process: work(*arguments) → msgpack → T

A question is pickled, and goes from the front to its own child alone; an answer is typed msgpack, so that what breaks the
child tells the front nothing but data. One piece of work at a time. What takes longer than it may is ended with its
process; the next one gets a new process. It knows no address and no environment, and ends when the front does.
"""

from __future__ import annotations

import asyncio
import gc
import pickle
import resource
import socket
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final

import msgspec

from gateway.core.errors import UserError
from gateway.core.yaml import FileErrors
from gateway.maskers.bounds import forbid_dumps
from gateway.maskers.child import be_child, start_child

SECONDS: Final = 10.0
WAITING: Final = 20  # pieces of work that wait for their turn
MEMORY: Final = 1 << 30
_LENGTH: Final = struct.Struct(">I")


class Given(msgspec.Struct, tag=True):
    """What the work gave, as msgpack."""

    value: bytes


class Wrong(msgspec.Struct, tag=True):
    """Mistakes for people: message and place of each."""

    each: list[tuple[str, str]]


_ANSWERS: Final = msgspec.msgpack.Decoder(Given | Wrong)


class Workshop:
    """One child process, started when there is something to do."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def run[**P, T](self, work: Callable[P, T], giving: type[T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work`, a function of a module, gives; `giving` is its type: dataclasses and plain data.

        Raises `UserError` where it does, where it takes too long, and where too much waits already.
        """
        if self._waiting >= WAITING:
            raise UserError("too much is being worked on: try again in a moment")
        self._waiting += 1
        try:
            async with self._turn:
                told = await self._ask(pickle.dumps((work, args, kwargs), pickle.HIGHEST_PROTOCOL))
        finally:
            self._waiting -= 1
        match told:
            case Given(value):
                return msgspec.msgpack.decode(value, type=giving)
            case Wrong(each):
                raise FileErrors(tuple(UserError(message, where) for message, where in each))

    async def close(self) -> None:
        """Ends the process."""
        if self._process is not None:
            process, self._process = self._process, None
            self._writer.close()
            with suppress(ProcessLookupError):
                process.kill()
            await asyncio.to_thread(process.wait)

    async def _ask(self, question: bytes) -> Given | Wrong:
        try:
            async with asyncio.timeout(self._seconds + (5.0 if self._process is None else 0.0)):
                if self._process is None:
                    await self._start()
                self._writer.write(_LENGTH.pack(len(question)) + question)
                (length,) = _LENGTH.unpack(await self._reader.readexactly(_LENGTH.size))
                answer: Given | Wrong = _ANSWERS.decode(await self._reader.readexactly(length))
                return answer
        except TimeoutError:
            await self.close()
            raise UserError(f"this took longer than {self._seconds:.0f} seconds: try less at once") from None
        except (asyncio.IncompleteReadError, OSError):
            await self.close()
            raise UserError("this broke what worked on it: try less at once") from None
        except BaseException:  # cancelled in the middle of an answer: the next one would read its rest
            await self.close()
            raise

    async def _start(self) -> None:
        self._process, ours = start_child("gateway.console.workshop", is_silent=True)
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours)


def _answer(question: bytes) -> Given | Wrong:
    work, args, kwargs = pickle.loads(question)  # noqa: S301 - from the process that started this one
    try:
        return Given(msgspec.msgpack.encode(work(*args, **kwargs)))
    except FileErrors as errors:
        return Wrong([(one.message, one.where) for one in errors.each])
    except UserError as error:
        return Wrong([(error.message, error.where)])
    except MemoryError:
        return Wrong([("this took more memory than it may: try less at once", "")])


def main(descriptor: int) -> None:
    """Until the front is gone."""
    be_child("workshop")
    forbid_dumps()
    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    with socket.socket(fileno=descriptor) as link, link.makefile("rb") as incoming:
        while len(head := incoming.read(_LENGTH.size)) == _LENGTH.size:
            (length,) = _LENGTH.unpack(head)
            answer = msgspec.msgpack.encode(_answer(incoming.read(length)))
            link.sendall(_LENGTH.pack(len(answer)) + answer)
            gc.collect()  # documents are cycles


if __name__ == "__main__":
    main(int(sys.argv[1]))
