"""The opt-out page in Chromium, behind nginx: by keyboard alone a visitor switches recording off and on again.

The published rrweb and posthog-js record the shop. While the page says off, nothing reaches the backend; with the browser's own
Global Privacy Control there is nothing to switch.
"""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from tests.judge.decoder import decode
from tests.policy.test_tcf import tc_string

from .backend import Backend
from .processes import HERE, front, gateway, next_line, node
from .test_live import HOST, POSTHOG_RECORDING, RRWEB, behind_nginx, certify, events

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PAGE = "/t/rr/opt-out"


@contextmanager
def visitor(
    home: Path,
    *,
    language: str = "en-GB",
    gpc: bool = False,
    settings: Mapping[str, Any] | None = None,
    visits: list[list[dict[str, str]]] | None = None,
) -> Iterator[tuple[Backend, Any]]:
    """The backend, and a function that gives the visitor's next line."""
    shutil.copytree(HERE / "site", home / "site")
    with Backend() as backend:
        spki = certify(home)
        with (
            gateway(home, {**behind_nginx(backend), **(settings or {})}) as port,
            front(home, home / "site", HOST, {"/t/": f"http://127.0.0.1:{port}"}) as outer,
        ):
            job = {
                "host": HOST, "spki": spki, "origin": f"https://{HOST}:{outer}", "site": str(home / "site"), "page": PAGE,
                "language": language, "gpc": gpc, "typed": {"#name": "Ondrabel"}, "screenshots": str(home),
                **({"visits": visits} if visits is not None else {}),
            }  # fmt: skip
            with node("opt_out.mjs", home, job) as process:

                def told() -> dict[str, Any]:
                    line = next_line(process, home / "opt_out.mjs.log")
                    assert line["errors"] == []
                    return line

                def go_on() -> None:
                    process.stdin.write("go on\n")
                    process.stdin.flush()

                yield backend, (told, go_on)


def test_recording_is_switched_off_and_on_by_keyboard(packages, tmp_path):
    with visitor(tmp_path) as (backend, (told, go_on)):
        before = told()
        assert (before["state"], before["button"]) == (
            "Your visits to this site may be recorded.",
            "Do not record my visits",
        )
        go_on()
        off = told()
        assert (off["state"], off["button"]) == ("Your visits to this site are not recorded.", "Allow recording again")
        assert backend.requests == []
        go_on()
        on = told()
        assert on["state"] == before["state"]
        backend.wait_until(lambda requests: bool(events(requests, RRWEB)), "a recording, once it is allowed again")
        assert not any(request.target.startswith("/opt-out") for request in backend.requests)
        go_on()


def test_where_the_browser_says_no_there_is_nothing_to_switch(packages, tmp_path):
    with visitor(tmp_path, language="de-AT", gpc=True) as (backend, (told, go_on)):
        before = told()
        assert (before["state"], before["button"]) == (
            "Ihre Besuche auf dieser Website werden nicht aufgezeichnet.",
            "",
        )
        go_on()
        told()
        assert backend.requests == []
        go_on()


NO_ANSWER: list[dict[str, str]] = []
REFUSED, AGREED = ([{"name": "euconsent-v2", "value": tc_string(purposes)}] for purposes in ({1}, {1, 8}))


def test_with_consent_alone_masked_traffic_arrives(packages, tmp_path):
    settings = {"visitors": {"consent": {"required_in": ["everywhere"]}}}
    with visitor(tmp_path, settings=settings, visits=[NO_ANSWER, REFUSED, AGREED]) as (backend, (told, go_on)):
        for _ in (NO_ANSWER, REFUSED):
            told()
            assert backend.requests == []
            go_on()
        told()
        backend.wait_until(
            lambda requests: bool(events(requests, RRWEB) and events(requests, POSTHOG_RECORDING)),
            "both recordings, with consent",
        )
        texts = [leaf.text for request in backend.requests for leaf in decode(request).leaves]
        assert any("***" in text for text in texts)
        assert not any("Ondra" in text for text in texts)
        go_on()
