r"""User names in file paths: the part after `/home/`, `/Users/` or `C:\Users\`.

`/home/…` is also a usual path of web sites: it counts as a file's when `file:` stands before it, or when it goes on
with a folder or file that home directories have. Accounts that every machine has (Public, runner, …) are nobody. In
`C:\Users\xbaker` the last backslash may have been read as part of an escape (`\xba`): behind a drive the name may
follow at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from gateway.core.plugin import Context, Detector, Miss, MissReason

_UNIX: Final = re.compile(
    r"(?<![\w.-])(?:file:)?/{0,4}(/home|/Users|/var/home|/usr/home)/([^/\s\"'`<>:;,|\\?*()\[\]{}]{1,64})(?=/|$|[\s\"'`:;,)\]])"
)
_WINDOWS: Final = re.compile(
    r"(?:[A-Za-z]:|/[a-z])[\\/]{1,8}(?:Users|Documents and Settings)(?:[\\/]{1,8}|(?=\w))"
    r"([^\\/:*?\"<>|\r\n]{1,64}(?=[\\/])|[^\\/:*?\"<>|\s]{1,64})",
    re.IGNORECASE,
)
_OF_A_HOME: Final = re.compile(
    r"/(?:\.\w|(?:Desktop|Documents|Downloads|Library|Pictures|Music|Videos|app|apps|bin|build|code|dev|development|dist|git"
    r"|go|lib|local|node_modules|packages|php|projects?|public_html|python|repos?|scripts?|share|source|src|tmp|venv|www"
    r"|work|workspace|htdocs|logs?|deploy|current|releases)(?:/|$|[\s\"':,)])|(?:[^/\s]{1,80}/){0,12}[^/\s]{1,80}"
    r"\.(?:[cm]?[jt]sx?|py|rb|php|java|go|rs|cs|cpp|[ch]|log|json|ya?ml|txt|pdf|docx?|xlsx?|csv|env|pem|key|sh|sql|vue|svelte|map)\b)"
)
_ACCOUNTS: Final = """
public shared default defaultuser guest runner runneradmin circleci vsts root node app ubuntu admin administrator www
www-data site user username vercel travis jenkins builder containeradministrator
"""
_NOBODY: Final = frozenset(_ACCOUNTS.split()) | {"all users", "default user"}


def _find(text: str, context: Context) -> Iterator[tuple[int, int]]:
    del context
    for match in _UNIX.finditer(text):
        is_file = match[1] == "/Users" or match[0].startswith("file:") or _OF_A_HOME.match(text, match.end())
        if is_file and match[2].lower() not in _NOBODY:
            yield match.span(2)
    for match in _WINDOWS.finditer(text):
        if match[1].lower() not in _NOBODY:
            yield match.span(1)


def _why_not(text: str, context: Context) -> Iterator[Miss]:
    hits = set(_find(text, context))
    for pattern, group in ((_UNIX, 2), (_WINDOWS, 1)):
        for match in pattern.finditer(text):
            if match.span(group) not in hits:
                is_nobody = match[group].lower() in _NOBODY
                reason = MissReason.RESERVED if is_nobody else MissReason.NEEDS_A_WORD
                yield Miss(*match.span(group), DETECTOR.name, reason)


_ANY: Final = re.compile(
    r"/(?:home|Users)/|:[\\/]{1,8}(?:Users|Documents and Settings)[\\/\w]|[\\/]users[\\/]", re.IGNORECASE
)

DETECTOR: Final = Detector(
    name="file_user",
    title="user name in a file path",
    label="user",
    hint=lambda text: _ANY.search(text) is not None,
    find=_find,
    why_not=_why_not,
    folded=(("/home/", 0), ("/users", 0), ("\\users", 0), ("documents and", 0)),
)
