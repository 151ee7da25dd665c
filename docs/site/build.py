"""The documentation as a site: `make docs` writes it to dist/docs, or `build.py FOLDER` there; a warning is an error.

The pages are the repository's own Markdown, laid side by side with links that lead to one another, and one page for each
tracker file. What is not in the table below still gets its place, under "More".
"""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from sphinx.cmd.build import build_main

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parents[1]
sys.path.insert(0, str(HERE))

import trackers  # noqa: E402 - beside this file, which is no package

CHAPTERS: Final[Mapping[str, tuple[str, ...]]] = {
    "Start": ("docs/get-started.md", "docs/faq.md", "docs/limits.md"),
    "Rules": (
        "docs/rules.md",
        "docs/cookbook.md",
        "docs/operators.md",
        "docs/detectors.md",
        "docs/page-view.md",
        "docs/debugging.md",
    ),
    "Trackers": ("docs/trackers.md", "docs/first-party.md", "docs/add-a-tracker.md"),
    "Visitors": ("docs/visitors.md", "docs/report.md"),
    "Running it": (
        "docs/configuration.md",
        "docs/deployment.md",
        "docs/in-front.md",
        "certs/README.md",
        "docs/operations.md",
        "docs/console.md",
        "docs/monitoring.md",
        "docs/spool.md",
        "docs/cluster.md",
    ),
    "Security": ("SECURITY.md", "THREAT_MODEL.md", "docs/edge.md", "docs/faults.md"),
    "How good, how fast": ("docs/quality.md", "docs/quality-peers.md", "docs/performance.md", "benchmarks/README.md"),
    "How it is built": ("docs/architecture.md", "CONTRIBUTING.md", "docs/dependencies.md", "CHANGELOG.md"),
}
HOME: Final = "README.md"
_LINK: Final = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s#]*)(#[^)\s]*)?\)")
_FENCE: Final = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)


def pages() -> dict[str, str]:
    """Of every page: where it is in the repository → what it is called on the site."""
    named = [page for chapter in CHAPTERS.values() for page in chapter]
    found = [HOME, *named, *(f"docs/{path.name}" for path in sorted((ROOT / "docs").glob("*.md")))]
    return {page: _name(page) for page in dict.fromkeys(found) if (ROOT / page).is_file()}


def _name(page: str) -> str:
    if page == HOME:
        return "index.md"
    folder, _, file = page.rpartition("/")
    return f"{folder}.md" if file == "README.md" else file.lower().replace("_", "-")


def relinked(text: str, page: str, names: Mapping[str, str]) -> str:
    """The page with its links leading to pages of the site; what is in the repository alone is named and no link."""

    def turn(found: re.Match[str]) -> str:
        image, label, target, anchor = found.groups()
        if "://" in target or not target:
            return found[0]
        path = (ROOT / page).parent.joinpath(target).resolve().relative_to(ROOT).as_posix()
        if image:
            return f"![{label}](_static/{Path(path).name})"
        if path not in names:
            return f"{label} (`{path}`)"
        shown = (
            "" if label == target and not anchor else label
        )  # a file's name says nothing here: the page's title instead
        return f"[{shown}]({names[path]}{anchor or ''})"

    pieces, end = [], 0
    for fence in _FENCE.finditer(text):  # what is shown as code stays as it is
        pieces += [_LINK.sub(turn, text[end : fence.start()]), fence[0]]
        end = fence.end()
    return "".join([*pieces, _LINK.sub(turn, text[end:])])


def contents(names: Mapping[str, str]) -> str:
    """The table of contents, as the home page ends with it."""
    listed = {page for chapter in CHAPTERS.values() for page in chapter}
    chapters = {**CHAPTERS, "More": tuple(page for page in names if page not in listed and page != HOME)}
    told = []
    for title, chapter in chapters.items():
        own = [names[page] for page in chapter if page in names]
        if own:
            told += ["```{toctree}", ":hidden:", f":caption: {title}", "", *own, "```", ""]
    return "\n".join(told)


def stage(folder: Path) -> None:
    """Lays all pages, pictures and the site's own files into a folder for Sphinx."""
    names = pages()
    for page, name in names.items():
        text = relinked((ROOT / page).read_text(encoding="utf-8"), page, names)
        if page == HOME:
            text += "\n" + contents(names)
        if page == "docs/trackers.md":
            text += "\n" + trackers.contents()
        (folder / name).write_text(text, encoding="utf-8")
    (folder / "trackers").mkdir()
    for tracker, text in trackers.pages().items():
        (folder / "trackers" / f"{tracker}.md").write_text(text, encoding="utf-8")
    static = folder / "_static"
    static.mkdir()
    for file in (*(ROOT / "docs").glob("*.svg"), *(ROOT / "docs").glob("*.png"), HERE / "site.css", HERE / "icon.svg"):
        shutil.copy(file, static)
    shutil.copy(HERE / "conf.py", folder)


def build(out: Path) -> int:
    """Builds the site anew; Sphinx's exit code: 0 when there was no warning, and every link within led somewhere."""
    shutil.rmtree(out, ignore_errors=True)
    with TemporaryDirectory() as folder:
        stage(Path(folder))
        return build_main(["--fail-on-warning", "--quiet", "-b", "html", "-d", f"{folder}/.doctrees", folder, str(out)])


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(build(Path(sys.argv[1])))
    trackers.write_table()
    sys.exit(build(ROOT / "dist" / "docs"))
