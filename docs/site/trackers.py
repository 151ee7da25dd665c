"""What the documents say of each tracker, read from its file: a page of the site, and its row in docs/first-party.md.

A site reaches the gateway by a path of its own (recommended: cookies come along) or by a sub-domain. `setup.site` of a
tracker file has the first form; the second follows from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final

from gateway import config
from gateway.ruleset.loading import load_rules
from gateway.trackers.loading import load_trackers
from gateway.trackers.schema import Match, Setup, TrackerFile

PATH: Final = "/t"
HOST: Final = "t.shop.example"
PAGE: Final = Path(__file__).parents[1] / "first-party.md"
BEGIN: Final = "<!-- made by `make docs` from rules/trackers -->"
END: Final = "<!-- until here -->"
_EVERY: Final = """\
What means the same in every tracker (`device id`, `user agent`, `session id` …) counts here too: `rules/trackers/_any.yaml`.
All other text is read by the detectors."""
TRACKERS: Final[Mapping[str, TrackerFile]] = {
    name: file
    for name, file in load_trackers(config.tracker_paths(), config.read_text).items()
    if not name.startswith("_")
}


def on_path(setup: Setup) -> str:
    """What changes on the site for a route on a path of its own origin."""
    return setup.site.replace("{path}", PATH)


def on_sub_domain(setup: Setup) -> str:
    """What changes on the site for a route on a sub-domain: the same option with another address."""
    site = setup.site.replace("location.origin + '{path}", f"'https://{HOST}")
    site = site.replace("' + location.host + '{path}", HOST).replace("location.host + '{path}", f"'{HOST}")
    site = site.replace("https://shop.example{path}", f"https://{HOST}")
    if "location.origin" in site:
        return site.replace("location.origin", f"'https://{HOST}'").replace("{path}", "")
    return site.replace("{path}", f"https://{HOST}")


def write_table() -> None:
    """Writes the set-ups anew into docs/first-party.md."""
    text = PAGE.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    made = f"{before}{BEGIN}\n\n{table()}\n{END}{after}"
    if made != text:
        PAGE.write_text(made, encoding="utf-8")


def table() -> str:
    """Of each tracker with a set-up: the backend, and what changes on the site in both forms."""
    return "\n".join(_set_up(file) for file in TRACKERS.values() if file.setup)


def _set_up(file: TrackerFile) -> str:
    assert file.setup
    language = "html" if file.setup.site.startswith("<") else "js"
    lines = [
        f"### {file.title}",
        "",
        *(f"{line}\n" for line in _backends(file.setup)),
        f"```{language}",
        f"{_remark(language, 'a path of the site (recommended)')}",
        on_path(file.setup),
        f"{_remark(language, 'a sub-domain')}",
        on_sub_domain(file.setup),
        "```",
        "",
    ]
    return "\n".join(lines)


def _remark(language: str, text: str) -> str:
    return f"<!-- {text} -->" if language == "html" else f"// {text}"


def _backends(setup: Setup) -> Iterator[str]:
    yield f"Backend: `{setup.upstream}`." if setup.upstream else f"Backend: {_as_code(setup.find)}."
    for below, to in setup.routes.items():
        yield f"Also, below the route's path: `{below}` is a route of its own, to `{to}`."
    if setup.note:
        yield _as_code(setup.note)


def _as_code(text: str) -> str:
    return re.sub(r"https://[\w.-]+\w", lambda url: f"`{url[0]}`", text)


def contents() -> str:
    """The table of contents that docs/trackers.md ends with."""
    pages = [f"trackers/{name}.md" for name in TRACKERS]
    return "\n".join(["## Tracker by tracker", "", "```{toctree}", ":maxdepth: 1", "", *pages, "```", ""])


def pages() -> Mapping[str, str]:
    """A page for each tracker: what it is recognised by, which field is what, what the default rules do with it."""
    trackers = load_trackers(config.tracker_paths(), config.read_text)
    rules = load_rules([], Path(), config.built_in_rules(), config.read_text, config.known_names(trackers))
    operators = {category.value: operator.name for one in rules for category, operator in one.record.operators.items()}
    return {name: _page(file, operators) for name, file in TRACKERS.items()}


def _page(file: TrackerFile, operators: Mapping[str, str]) -> str:
    told = [f"# {file.title}", "", _head(file.tracker), ""]
    told += ["## Set-up", "", f"`gateway init {file.tracker}` writes the gateway's side.", ""]
    if file.setup:
        told += [_set_up(file).partition("\n\n")[2]]
        told += ["All set-ups, and what is lost on a sub-domain: [](../first-party.md).", ""]
    told += ["## How it is recognised", "", "By one of these; all of a line must hold.", ""]
    told += [f"- {_match(one)}" for one in file.match]
    told += ["", "## Which field is what", ""]
    if file.places or file.keys:
        told += ["| category | default | fields |", "|---|---|---|"]
        for category in {**file.places, **file.keys}:
            fields = [f"`{_cell(str(place))}`" for place in file.places.get(category, ())]
            fields += [f"keys that end in `{_cell(key)}`" for key in file.keys.get(category, ())]
            told.append(f"| `{category.value}` | {operators.get(category.value, 'kept')} | {', '.join(fields)} |")
        told.append("")
    told += [_EVERY, ""]
    told += _list(
        "Headers that go on unchanged", (*file.headers.keep, *file.headers.project_keys, *file.headers.session)
    )
    told += _list("Cookies that go on", file.cookies.keep)
    told += _list("Cookies that the backend may set", file.set_cookies.keep)
    told += _list("Paths that take events, and may wait in the spool", file.ingest)
    if file.country == "truncated_address":
        told += ["The backend gets the visitor's address without its last part, for the country.", ""]
    return "\n".join(told)


def _head(tracker: str) -> str:
    """What the file says of itself, in the comment that it opens with."""
    lines = config.read_text(config.rules_directory() / "trackers" / f"{tracker}.yaml").splitlines()[1:]
    comment = []
    for line in lines:
        if not line.startswith("#"):
            break
        comment.append(line.removeprefix("#").strip())
    return re.sub(r"(?<![\w`])([*$][\w*$]+)", r"`\1`", " ".join(comment))


def _match(one: Match) -> str:
    told = one.model_dump(exclude={"where"}, exclude_defaults=True)
    return "; ".join(f"{key} {_written(value)}" for key, value in told.items())


def _written(value: Mapping[str, str] | Iterable[str]) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"`{key}: {glob}`" for key, glob in value.items())
    return " or ".join(f"`{one}`" for one in value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _list(title: str, words: tuple[str, ...]) -> list[str]:
    return [f"{title}: {', '.join(f'`{word}`' for word in words)}.", ""] if words else []
