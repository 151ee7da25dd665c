"""A site owner's rule files on the disk: found by name, read, and replaced as a whole or not at all.

A file's name is its path as seen from gateway.yaml's folder; a packaged one's is the name by which `rules` lists it. `etag` is a
digest of its text: whoever writes says which text they read.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from gateway import config
from gateway.console.problem import Problem
from gateway.core.errors import UserError
from gateway.core.yaml import quoted
from gateway.ruleset.schema import RuleFile

_WRITABLE_BITS = 0o222


@dataclass(frozen=True, slots=True)
class OnDisk:
    """One rule file. `path` is as its rules' places name it."""

    name: str
    path: Path
    built_in: bool

    def read(self) -> str:
        """Its text now."""
        return config.read_text(self.path)

    @property
    def why_not(self) -> str:
        """Why it can't be changed from here; empty where it can."""
        if self.built_in:
            return "is packaged with the gateway: a file of your own, later in `rules`, overrides it"
        try:
            target = Path(os.path.realpath(self.path))
            if not target.stat().st_mode & _WRITABLE_BITS or not os.access(target, os.W_OK):
                return "is read-only: chmod u+w it, or change it where it comes from"
            if not os.access(target.parent, os.W_OK | os.X_OK):
                return f"is in a folder that the gateway may not write ({target.parent}): change it where it comes from"
        except OSError as error:
            return f"can't be used: {(error.strerror or 'failed').lower()}"
        return ""

    def write(self, text: str, was: str) -> None:
        """Puts `text` in the place of the text with the etag `was`, at once: readers see the old or the new one, whole.

        Raises `Problem`: 412 where another text is there, 409 where it can't be written.
        """
        if self.why_not:
            raise Problem(409, f"{self.name} {self.why_not}")
        target = Path(os.path.realpath(self.path))
        if etag_of(self.read()) != was:
            raise Problem(412, f"{self.name} was changed meanwhile: read it again; nothing was written")
        try:
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
            try:
                with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
                    file.write(text)
                    file.flush()
                    os.fchmod(file.fileno(), target.stat().st_mode & 0o777)
                    os.fsync(file.fileno())
                Path(name).replace(target)
            finally:
                Path(name).unlink(missing_ok=True)
            _settle(target.parent)
        except OSError as error:
            raise Problem(409, f"{self.name} can't be written: {(error.strerror or 'failed').lower()}") from None


def etag_of(text: str) -> str:
    """What tells one text from another."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def files_of(rules: Iterable[RuleFile], base: Path) -> list[OnDisk]:
    """The files of rules in effective order."""
    packaged = config.rules_directory()
    found = []
    for file in rules:
        path = Path(file.file)
        built_in = path.is_relative_to(packaged)
        name = path.relative_to(packaged).with_suffix("").as_posix() if built_in else _seen_from(path, base)
        found.append(OnDisk(name, path, built_in))
    return found


def named(files: Iterable[OnDisk], name: str) -> OnDisk:
    """The file of this name; Problem where there is none."""
    found = next((one for one in files if one.name == name), None)
    if found is None:
        raise Problem(404, f"no rule file is named {quoted(name)}")
    return found


def text_of(file: OnDisk) -> str:
    """Its text, or nothing where it can't be read now."""
    try:
        return file.read()
    except UserError:
        return ""


def _seen_from(path: Path, base: Path) -> str:
    return Path(os.path.relpath(path, base)).as_posix()


def _settle(folder: Path) -> None:
    """The rename itself is on the disk, too."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
