"""posthog-js records the shop through `gateway inspect`, and mitmweb shows what it sent before, after, and by which rule."""

from __future__ import annotations

import json

from tests.inspector.process import inspecting

from .backend import Backend
from .processes import GATEWAY_RULES, free_port, next_line, node
from .test_live import SECRETS, behind_nginx, walk

MAIL = SECRETS["user's e-mail"]


def test_a_visit_is_seen_before_and_after_and_arrives_masked(packages, tmp_path):
    port = free_port()
    with Backend() as backend:
        settings = behind_nginx(backend) | {
            "listen": f"127.0.0.1:{port}",
            "rules": ["default", "rules.yaml"],
            "masking_key": f"file:{tmp_path / 'masking.key'}",
        }
        (tmp_path / "rules.yaml").write_text(GATEWAY_RULES)
        (tmp_path / "gateway.yaml").write_text(json.dumps(settings))
        with inspecting(tmp_path, "--web-port", str(free_port())) as running:
            behind = {"/t/": f"http://127.0.0.1:{port}"}
            button, errors, _ = walk(tmp_path, backend, behind, cookies={}, gpc=False, recorded=True)
            flows = [flow for flow in running.flows() if flow["comment"].startswith("masked")]
            flow = next(flow for flow in flows if MAIL in running.picture(flow))
            job = {
                "url": running.line(r"web interface (\S+)")[1], "flow": flow["id"], "filter": "~comment masked",
                "screenshot": str(tmp_path / "mitmweb.png"),
            }  # fmt: skip
            with node("inspect.mjs", tmp_path, job) as process:
                seen = next_line(process, tmp_path / "inspect.mjs.log")
    assert (button, errors, seen["errors"]) == ("Thank you", [], [])
    assert len(seen["listed"]) > 0
    assert all(comment.startswith("masked") for comment in seen["listed"])
    lines = [line.strip() for line in seen["shown"].splitlines()]
    at = next(at for at, line in enumerate(lines) if f"⟦{MAIL}⟧" in line)
    assert lines[at].startswith("- ")
    assert lines[at + 1].startswith("+ ")
    assert "default.yaml:" in lines[at + 2]
    assert not any(MAIL in request.body.decode("latin-1") for request in backend.requests)
    assert (tmp_path / "mitmweb.png").stat().st_size > 20_000
