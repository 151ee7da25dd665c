"""No, with a status and one line (RFC 9457)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class Problem(Exception):  # noqa: N818 - RFC 9457's word
    """No: a status, one line for people, and where there are several mistakes, each with its place."""

    def __init__(
        self, status: int, told: str, errors: Sequence[tuple[str, str]] = (), headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(told)
        self.status = status
        self.told = told
        self.errors = tuple(errors)
        self.headers = dict(headers or {})
