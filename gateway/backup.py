"""Encrypted copies of what can't be made again: keys, held events, accounts, configuration and rules; and their way back.

A backup is one file: a header, then a tar in pieces of 1 MiB, each sealed with AES-256-GCM under a key of this file alone
(HKDF-SHA256 over the backup key and the header's salt). The nonce counts the pieces and marks the last, so that pieces can't
be changed, moved, left out or cut off unseen (the STREAM construction). The last member is a manifest with the digest of
each file and where it belongs. It is written beside its place, read again to its end, and only then moved there.

A database is copied by SQLite itself, so that one in use is whole in its copy.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import secrets
import shutil
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Final, cast

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gateway.core.errors import UserError

MAGIC: Final = b"gateway backup 1\n"
SALT_SIZE: Final = 32
PIECE: Final = 1 << 20
EVERY: Final = timedelta(days=1)
_MANIFEST: Final = "manifest.json"
_NAME: Final = re.compile(r"gateway-(\d{8}T\d{6})Z\.backup\Z")
_SQLITE: Final = b"SQLite format 3\0"


@dataclass(frozen=True, slots=True)
class Content:
    """One file of a backup: where it belongs (as the configuration names it), its size in bytes, its SHA-256 in hex."""

    path: str
    size: int
    digest: str


class _Sealed(io.RawIOBase):
    """Writes what tar hands over in sealed pieces."""

    def __init__(self, file: IO[bytes], key: bytes) -> None:
        salt = secrets.token_bytes(SALT_SIZE)
        self._file, self._cipher, self._number, self._waiting = file, AESGCM(_file_key(key, salt)), 0, bytearray()
        self._head = MAGIC + salt
        file.write(self._head)

    def writable(self) -> bool:
        return True

    def write(self, data: bytes | bytearray | memoryview, /) -> int:  # type: ignore[override]  # narrower than any buffer
        self._waiting += data
        while len(self._waiting) > PIECE:  # the last piece is never empty but in an empty tar, which has its end marks
            self._put(bytes(self._waiting[:PIECE]), last=False)
            del self._waiting[:PIECE]
        return len(data)

    def finish(self) -> None:
        """The last piece, marked as such."""
        self._put(bytes(self._waiting), last=True)

    def _put(self, piece: bytes, *, last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, last=last), piece, self._head))
        self._number += 1


class _Opened(io.RawIOBase):
    """Reads the tar out of sealed pieces. UserError for a piece that is not as it was written, or a missing end."""

    def __init__(self, file: IO[bytes], key: bytes, where: str) -> None:
        self._file, self._where, self._number, self._ready, self._at = file, where, 0, b"", 0
        self._head = file.read(len(MAGIC) + SALT_SIZE)
        if not self._head.startswith(MAGIC) or len(self._head) < len(MAGIC) + SALT_SIZE:
            raise UserError("is no backup of the gateway", where)
        self._cipher = AESGCM(_file_key(key, self._head[len(MAGIC) :]))
        self._next = file.read(PIECE + 16)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # narrower than any buffer
        if self._at == len(self._ready):
            self._ready, self._at = self._take(), 0
        found = self._ready[self._at : self._at + len(buffer)]
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)

    def _take(self) -> bytes:
        if not self._next:
            return b""
        piece, self._next = self._next, self._file.read(PIECE + 16)
        try:
            opened = self._cipher.decrypt(_nonce(self._number, last=not self._next), piece, self._head)
        except (InvalidTag, ValueError):
            why = "is damaged, or was sealed with another key" if self._number == 0 else "is damaged"
            raise UserError(f"{why}: take another backup", self._where) from None
        self._number += 1
        return opened


def _file_key(key: bytes, salt: bytes) -> bytes:
    return HKDF(SHA256(), 32, salt, b"gateway backup").derive(key)


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + (b"\1" if last else b"\0")


def name_of(now: datetime) -> str:
    """A backup's file name; the time is UTC."""
    return f"gateway-{now:%Y%m%dT%H%M%S}Z.backup"


def made_at(path: Path) -> datetime | None:
    """When a backup was made, by its name; None for a file that is none."""
    match = _NAME.match(path.name)
    try:
        return datetime.strptime(match[1], "%Y%m%dT%H%M%S").replace(tzinfo=UTC) if match else None
    except ValueError:
        return None


def backups_in(folder: Path) -> list[Path]:
    """The backups of a folder, the newest first."""
    found = [path for path in folder.glob("gateway-*.backup") if made_at(path) is not None]
    return sorted(found, key=lambda path: path.name, reverse=True)


def newest(folder: Path) -> datetime | None:
    """When the newest backup was made."""
    return max(filter(None, map(made_at, backups_in(folder))), default=None)


def is_due(folder: Path, now: datetime) -> bool:
    """Whether a day has gone by since the newest backup. One from the future (a clock that was wrong) doesn't count."""
    times = [made_at(path) for path in backups_in(folder)]
    return not any(made is not None and now - EVERY < made <= now + timedelta(hours=1) for made in times)


def make(
    folder: Path, files: Sequence[Path], base: Path, key: bytes, now: datetime, keep: int
) -> tuple[Path, list[Content]]:
    """Writes a backup of those of `files` that are there, checks it, and lets the oldest over `keep` go.

    Paths below `base` are written relative to it. UserError where something can't be read or written.
    """
    path = folder / name_of(now)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, beside = tempfile.mkstemp(dir=folder, prefix=".backup-")  # mode 0600
        try:
            with os.fdopen(handle, "wb") as file:
                written = _write(file, [one for one in files if one.exists()], base, key)
                file.flush()
                os.fsync(file.fileno())
            with Path(beside).open("rb") as file, tempfile.TemporaryDirectory(dir=folder, prefix=".check-") as scratch:
                if _read(file, key, str(path), Path(scratch)) != written:
                    raise UserError("can't be read again as it was written: is the disk sound?", str(path))
            Path(beside).replace(path)
        finally:
            Path(beside).unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"no backup was made: {(error.strerror or 'failed').lower()}", str(error.filename or path)
        ) from None
    for old in backups_in(folder)[keep:]:
        with suppress(OSError):
            old.unlink()
    return path, written


def _write(file: IO[bytes], files: Sequence[Path], base: Path, key: bytes) -> list[Content]:
    sealed = _Sealed(file, key)
    written: list[Content] = []
    with tarfile.open(fileobj=sealed, mode="w|", format=tarfile.PAX_FORMAT) as tar:
        for number, one in enumerate(files):
            with _snapshot(one) as copy:
                size = os.fstat(copy.fileno()).st_size
                digest = hashlib.file_digest(copy, "sha256").hexdigest()
                copy.seek(0)
                told = tarfile.TarInfo(f"{number}")
                told.size = size
                tar.addfile(told, copy)
            inside = one.absolute().is_relative_to(base.absolute())
            path = one.absolute().relative_to(base.absolute()) if inside else one.absolute()
            written.append(Content(path.as_posix(), size, digest))
        manifest = json.dumps([[one.path, one.size, one.digest] for one in written]).encode()
        told = tarfile.TarInfo(_MANIFEST)
        told.size = len(manifest)
        tar.addfile(told, io.BytesIO(manifest))
    sealed.finish()
    return written


def _snapshot(path: Path) -> io.BufferedReader | io.BufferedRandom:
    """A file as it is now, open for reading; of a database, what is committed."""
    file = path.open("rb")
    if file.read(len(_SQLITE)) != _SQLITE:
        file.seek(0)
        return file
    file.close()
    copy = tempfile.NamedTemporaryFile(dir=path.parent, prefix=".copy-")  # noqa: SIM115 - the caller closes it
    try:
        with (
            closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as source,
            closing(sqlite3.connect(copy.name)) as target,
        ):
            source.backup(target)
    except sqlite3.Error as error:
        copy.close()
        raise UserError(f"no backup was made: the database can't be read ({error})", str(path)) from None
    copy.seek(0)
    return cast("io.BufferedRandom", copy)


def _read(file: IO[bytes], key: bytes, where: str, folder: Path) -> list[Content]:
    """Unpacks a backup into numbered files of a folder; UserError where it is not whole."""
    digests: dict[str, tuple[int, str]] = {}
    told: list[Content] = []
    opened = _Opened(file, key, where)
    try:
        with tarfile.open(fileobj=io.BufferedReader(opened, PIECE), mode="r|") as tar:
            for member in tar:
                content = tar.extractfile(member)
                if content is None:
                    continue
                if member.name == _MANIFEST:
                    told = [Content(*row) for row in json.loads(content.read())]
                elif member.name.isdecimal():
                    with (folder / member.name).open("xb") as out:
                        shutil.copyfileobj(content, out)
                    with (folder / member.name).open("rb") as again:
                        digests[member.name] = member.size, hashlib.file_digest(again, "sha256").hexdigest()
        while opened.read(PIECE):  # what pads the tar: its end is sealed as well
            pass
    except (tarfile.TarError, ValueError, TypeError, EOFError):
        raise UserError("is damaged: take another backup", where) from None
    if [(one.size, one.digest) for one in told] != [digests.get(str(number)) for number in range(len(told))]:
        raise UserError("is damaged: take another backup", where)
    return told


def read(path: Path, key: bytes) -> list[Content]:
    """What a backup holds, once all of it was read; UserError where it is damaged or of another key."""
    with _open(path) as file, tempfile.TemporaryDirectory(prefix="gateway-") as scratch:
        return _read(file, key, str(path), Path(scratch))


def restore(path: Path, base: Path, key: bytes, *, force: bool = False) -> Iterator[tuple[Path, bool]]:
    """Puts a backup's files back, once all of it was read and found whole; each with whether it changed.

    Relative ones go below `base`.
    UserError, with nothing changed, where the backup is not whole, or a file that is there is newer than it.
    """
    made = made_at(path)
    with _open(path) as file, tempfile.TemporaryDirectory(prefix="gateway-") as scratch:
        told = _read(file, key, str(path), Path(scratch))
        places = [base / one.path for one in told]
        changed = [not place.exists() or _digest(place) != one.digest for place, one in zip(places, told, strict=True)]
        for place, is_changed in zip(places, changed, strict=True):
            if is_changed and not force and _is_newer(place, made):
                raise UserError("is newer than the backup: give --force to put the older one back", str(place))
        try:
            for number, (place, is_changed) in enumerate(zip(places, changed, strict=True)):
                if is_changed:
                    _put(Path(scratch) / str(number), place)
        except OSError as error:
            raise UserError(f"can't be written: {(error.strerror or 'failed').lower()}", str(error.filename)) from None
    yield from zip(places, changed, strict=True)


def _open(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except FileNotFoundError:
        raise UserError("no such file: name a backup, or its folder", str(path)) from None
    except OSError as error:
        raise UserError(f"can't be read: {(error.strerror or 'unreadable').lower()}", str(path)) from None


def _digest(path: Path) -> str:
    with _snapshot(path) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_newer(place: Path, made: datetime | None) -> bool:
    """Whether a file, or the log of a database beside it, was written after the backup was made."""
    beside = [place, *(place.with_name(place.name + end) for end in ("-wal", "-journal"))]
    times = [one.stat().st_mtime for one in beside if one.exists()]
    return bool(times) and (made is None or max(times) > made.timestamp() + 1)


def _put(copy: Path, place: Path) -> None:
    """Into its place by a rename, for its owner alone; what a database kept beside itself goes with the old one."""
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle, beside = tempfile.mkstemp(dir=place.parent, prefix=".restored-")
    with os.fdopen(handle, "wb") as out, copy.open("rb") as file:
        shutil.copyfileobj(file, out)
        out.flush()
        os.fsync(out.fileno())
    for end in ("-wal", "-shm", "-journal"):
        place.with_name(place.name + end).unlink(missing_ok=True)
    Path(beside).replace(place)
