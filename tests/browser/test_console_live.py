"""The console's live page in Chromium, while the published posthog-js records a visitor: what arrives is seen, and opened."""

from __future__ import annotations

import http.client
import json
import secrets
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

from .backend import Backend
from .processes import HERE, free_port, front, gateway, next_line, node
from .test_live import HOST, behind_nginx, certify

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "correct horse battery"
TYPED = {"#name": "Ondrabel Tuvikson", "#note": "Xandermooi gate, ring twice"}
MAIL = "trait.person@mail.test"
HOSTILE = "<script>document.title='ran'</script><img src=https://evil.example/x onerror=alert(1)><svg onload=alert(2)>\u202egnp.exe"


def add_users(home: Path) -> None:
    for name, role in (("ann", "admin"), ("ed", "editor"), ("vic", "viewer")):
        command = [sys.executable, "-m", "gateway", "users", "add", name, "--role", role]
        subprocess.run(command, cwd=home, input=f"{PASSWORD}\n", text=True, check=True, capture_output=True, timeout=60)


def send_hostile(port: int) -> None:
    body = json.dumps({"event": HOSTILE, "properties": {"note": f"{HOSTILE} jane.doe@example.org", HOSTILE: HOSTILE}})
    asked = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    asked.request("POST", "/t/ph/e/", body, {"Content-Type": "application/json", "X-Forwarded-Proto": "https"})
    assert asked.getresponse().status == 200
    asked.close()


def watch(home: Path) -> dict[str, Any]:
    """What an editor, an admin and a viewer saw of one visit."""
    site = home / "site"
    shutil.copytree(HERE / "site", site)
    spki = certify(home)
    (home / "console.key").write_text(secrets.token_hex(32))
    (home / "console.key").chmod(0o600)
    console = free_port()
    with Backend() as backend:
        settings = behind_nginx(backend) | {
            "console": {"listen": f"127.0.0.1:{console}", "key": "file:console.key", "debug": True}
        }
        (home / "rules.yaml").write_text("extends: default\n")
        (home / "gateway.yaml").write_text(json.dumps({"listen": "127.0.0.1:0", **settings}))
        add_users(home)
        with gateway(home, settings) as port, front(home, site, HOST, {"/t/": f"http://127.0.0.1:{port}"}) as shop:
            send_hostile(port)
            job = {
                "host": HOST, "spki": spki, "origin": f"https://{HOST}:{shop}", "site": str(site),
                "console": f"http://127.0.0.1:{console}", "password": PASSWORD, "typed": TYPED, "rule": "user_traits",
                "hostile": 1, "screenshots": str(home),
            }  # fmt: skip
            with node("console_live.mjs", home, job) as process:
                return dict(next_line(process, home / "console_live.mjs.log"))


def test_a_request_is_seen_as_it_passes_and_opened_by_those_who_may(packages, tmp_path):
    seen = watch(tmp_path)
    assert seen["errors"] == [error for error in seen["errors"] if "403" in error]  # the viewer's, on purpose
    assert (seen["dialogs"], seen["strangers"]) == ([], [])

    assert seen["arrived"]["stayed"] is True
    assert "forwarded 200" in seen["arrived"]["row"]

    before, after = "\n".join(seen["before"]), "\n".join(seen["after"])
    assert MAIL in before
    assert MAIL not in after
    assert "phc_browser_test" in after
    assert any("user_traits" in reason and "default.yaml:" in reason for reason in seen["reasons"])
    assert seen["focused"].startswith("#change-")

    assert seen["hostile"]["title"] == "Request · Masking gateway"
    assert "onerror" in seen["hostile"]["text"]
    assert "\u202e" not in seen["hostile"]["text"]

    assert seen["refused"] == 403
    assert MAIL not in seen["seen"]
    assert "What came is for editors" in seen["seen"]
    assert seen["plain"]["refresh"] == 1
    assert seen["plain"]["rows"] > 1
