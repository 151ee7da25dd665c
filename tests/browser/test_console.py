"""People at the console, each in a Chromium of their own: what they change is what the next request is masked by.

A story: nobody is known without a log-in, wrong passwords are slowed down, mistakes are said with their line, a rule is published,
a second editor loses nothing, a viewer publishes nothing, a page elsewhere does nothing, a route stops at once.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING

from .backend import Backend
from .processes import free_port, gateway, next_line, node, wait_until

if TYPE_CHECKING:
    from pathlib import Path

PASSWORD = "correct horse battery"
PAGES = (
    "login",
    "mistake",
    "edit",
    "shadow",
    "conflict",
    "routes",
    "rules",
    "rules-history",
    "accounts",
    "account",
    "audit",
)


def account(home: Path, name: str, role: str) -> None:
    config = str(home / "gateway.yaml")
    subprocess.run(
        [sys.executable, "-m", "gateway", "users", "add", name, "--role", role, "--config", config],
        input=PASSWORD, text=True, check=True, timeout=60, capture_output=True,
    )  # fmt: skip


def test_people_change_rules_and_the_next_request_is_masked_by_them(packages, tmp_path):
    key, console = tmp_path / "console.key", free_port()
    key.write_text("c" * 64)
    key.chmod(0o600)
    with Backend() as backend:
        settings = {
            "tls": {"mode": "off"},
            "routes": [
                {"name": "shop", "path": "/t/", "tracker": "posthog", "upstream": f"http://127.0.0.1:{backend.port}"}
            ],
            "masking_key": f"file:{tmp_path / 'masking.key'}",
            "console": {"listen": f"127.0.0.1:{console}", "key": f"file:{key}", "path": str(tmp_path / "console.db")},
        }
        with gateway(tmp_path, settings) as port:
            for name, role in (("ann", "admin"), ("ed", "editor"), ("vic", "viewer")):
                account(tmp_path, name, role)
            job = {
                "console": f"http://127.0.0.1:{console}", "gateway": f"http://127.0.0.1:{port}", "file": "rules.yaml",
                "password": PASSWORD, "screenshots": str(tmp_path),
            }  # fmt: skip
            with node("console.mjs", tmp_path, job) as process:
                told = next_line(process, tmp_path / "console.mjs.log")
        wait_until(lambda: len(backend.requests) >= 2, "the backend got too little")
        bodies = [json.loads(one.body)["properties"]["order"]["note"] for one in backend.requests]
    assert bodies == ["before the rule: by the door", "[redacted]"]
    assert told["errors"] == []
    assert told["stranger"] == "/login"
    assert told["throttled"].startswith("Too many tries. Wait ")
    assert told["ann"] != "/login"
    assert 'unknown operator "redct"; did you mean "redact"?' in told["checked"]
    assert "rules.yaml:5" in told["checked"]
    assert told["published"] == "Published: the next request is masked by it."
    assert "1 requests, 0 of them left the same byte for byte" in told["shadow"]
    assert "values by order notes 1 0" in told["shadow"]
    assert "was changed meanwhile" in told["conflict"]
    assert told["kept"] == "# what ed wrote\nextends: default\n"
    assert "+# what ed wrote" in told["theirs"]
    assert (told["viewerButtons"], told["viewerPublishes"]) == (0, 403)
    assert told["crossSite"] == [303, "/login"]  # what comes from elsewhere comes without a log-in
    assert told["afterCrossSite"] == 0
    assert "nothing is recorded on shop" in told["stopped"]
    assert told["whileStopped"] == 200
    assert "seen in support" in told["history"]
    assert told["afterLogOut"] == "/login"
    pictures = {tmp_path / f"{name}-{scheme}.png" for name in PAGES for scheme in ("light", "dark")}
    assert all(picture.stat().st_size > 5000 for picture in pictures)
