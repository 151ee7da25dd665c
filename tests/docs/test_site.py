"""The documents make a site, without a warning and with nothing from another host; what it says of trackers is their files'."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SITE = ROOT / "docs" / "site"


def of_the_site(name: str):
    spec = importlib.util.spec_from_file_location(f"site_{name}", SITE / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


trackers = of_the_site("trackers")
SETUPS = {name: file.setup for name, file in trackers.TRACKERS.items() if file.setup}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site as `make docs` builds it: Sphinx names a link that leads nowhere, a page that is in no chapter, broken code."""
    out = tmp_path_factory.mktemp("site")
    built = subprocess.run([sys.executable, SITE / "build.py", out], capture_output=True, text=True, check=False)
    assert (built.returncode, built.stderr) == (0, "")
    return {path.relative_to(out).as_posix(): path.read_text(encoding="utf-8") for path in out.rglob("*.html")}


def test_every_document_and_every_tracker_has_its_page(site):
    documents = {f"{path.stem}.html" for path in (ROOT / "docs").glob("*.md")}
    assert documents | {f"trackers/{name}.html" for name in trackers.TRACKERS} <= set(site)
    assert {"index.html", "threat-model.html", "security.html", "certs.html"} <= set(site)


def test_no_page_asks_another_host_for_anything(site):
    loading = re.compile(
        r"""<(?:script|img|iframe|source|link(?![^>]*rel="(?:next|prev|author)"))[^>]*(?:src|href)="(?:https?:)?//"""
    )
    assert [name for name, text in site.items() if loading.search(text)] == []


def test_no_page_shows_the_marks_of_its_source(site):
    """A link that was not read, or a directive."""
    assert [name for name, text in site.items() if re.search(r"\]\(\w[\w./-]*\.md|\{toctree\}", text)] == []


def test_the_set_ups_in_the_documents_are_those_of_the_tracker_files():
    shown = trackers.PAGE.read_text(encoding="utf-8").partition(trackers.BEGIN)[2].partition(trackers.END)[0]
    assert shown.strip() == trackers.table().strip(), "run `make docs`"


@pytest.mark.parametrize("name", SETUPS)
def test_a_set_up_names_the_path_and_the_sub_domain(name):
    path, sub_domain = trackers.on_path(SETUPS[name]), trackers.on_sub_domain(SETUPS[name])
    assert "/t" in path
    assert trackers.HOST in sub_domain
    assert not re.search(r"\{path\}|location\.|/t[/'\"]", sub_domain)
