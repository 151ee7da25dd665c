"""`gateway report`: what each backend gets, for the record of processing and the privacy page, out of rules and counters."""

from __future__ import annotations

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from gateway import config, secret
from gateway.cli.options import config_option
from gateway.core.errors import UserError
from gateway.core.yaml import nearest, parse, quoted, read_model
from gateway.keyring import new_ring
from gateway.maskers.setup import blueprint_of
from gateway.policy.wording import Effects, Notices
from gateway.report.content import FORMAT, make
from gateway.report.figures import SIZE, Figures, read_figures
from gateway.report.render import render, template_of

SECONDS = 10.0


@click.command("report")
@config_option
@click.option(
    "--metrics", metavar="URL|FILE", help="Counted traffic: /metrics of the running gateway, or a copy of it."
)
@click.option("--token", metavar="env:NAME|file:PATH", help="Where the token for that address is, if it wants one.")
@click.option(
    "--format", "form", type=click.Choice(["html", "markdown", "json"]), default="markdown", show_default=True,
    help="JSON is what the next report is compared with.",
)  # fmt: skip
@click.option("--language", "languages", multiple=True, metavar="CODE", help="Of the notice, as in de; once for each.")
@click.option("--since", type=click.Path(path_type=Path), help="An earlier report in JSON: what changed is told.")
@click.option("--output", type=click.Path(path_type=Path), help="A file to write to.")
def command(
    config_file: Path,
    metrics: str | None,
    token: str | None,
    form: str,
    languages: tuple[str, ...],
    since: Path | None,
    output: Path | None,
) -> None:
    """Tell what each backend gets: data inventory, record of processing, notice text, what each switch costs."""
    loaded = config.load(config_file)
    folder = config.rules_directory() / "report"
    effects = _words(folder / "effects.yaml", Effects)
    notices = _words(folder / "notice.yaml", Notices).languages
    for language in languages:
        if language not in notices:
            raise UserError(
                f"--language: {quoted(language)} is none of {', '.join(notices)}{nearest(language, notices)}"
            )
    figures, earlier = _figures(metrics, token), _earlier(since) if since is not None else None
    content = make(
        loaded,
        blueprint_of(loaded, new_ring()).programs(),
        figures,
        effects,
        {language: notices[language] for language in languages or ("en",)},
        datetime.now(UTC),
        earlier,
    )
    if form == "json":
        told = json.dumps(content.as_json(), indent=1, ensure_ascii=False) + "\n"
    else:
        told = render(content, form, config.read_text(template_of(folder, form)), effects)
    if output is None:
        click.echo(told, nl=False)
        return
    try:
        output.write_text(told, encoding="utf-8")
    except OSError as error:
        raise UserError(f"can't be written: {(error.strerror or 'failed').lower()}", str(output)) from None
    click.echo(f"wrote {output}", err=True)


def _words[M: (Effects, Notices)](path: Path, model: type[M]) -> M:
    return read_model(parse(config.read_text(path), str(path)), model, config.Surroundings())


def _figures(metrics: str | None, token: str | None) -> Figures:
    if metrics is None:
        return Figures()
    if urlsplit(metrics).scheme in {"http", "https"}:
        return read_figures(_asked(metrics, token), metrics)
    path = Path(metrics)
    try:
        with path.open("rb") as file:
            data = file.read(SIZE + 1)
    except OSError as error:
        raise UserError(f"can't be read: {(error.strerror or 'unreadable').lower()}", metrics) from None
    return read_figures(_text(data, metrics), metrics)


def _asked(url: str, token: str | None) -> str:
    headers = {}
    if token is not None:
        told = secret.read(config.secret_of(token, Path()), "--token", forbidden=secret.OTHERS_READ).strip()
        headers["Authorization"] = f"Bearer {told}"
    request = urllib.request.Request(url, headers=headers)  # noqa: S310 - http and https alone
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            return _text(answer.read(SIZE + 1), url)
    except urllib.error.HTTPError as error:
        hint = ": give --token" if error.code in {401, 403} else ""
        raise UserError(f"answers {error.code}{hint}", url) from None
    except (OSError, http.client.HTTPException, ValueError):
        raise UserError("does not answer: is the gateway running, with a `console:`?", url) from None


def _text(data: bytes, where: str) -> str:
    if len(data) > SIZE:
        raise UserError(f"says more than {SIZE // 1024 // 1024} MiB: that is no gateway's metrics", where)
    return data.decode("utf-8", "replace")


def _earlier(path: Path) -> Mapping[str, Any]:
    try:
        told = json.loads(config.read_text(path))
        if told["format"] > FORMAT:
            raise UserError("was written by a later version of the gateway: use that one", str(path))
        for key in ("inventory", "retention", "measures", "made"):
            told[key]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise UserError("is no report in JSON: keep what `--format json` writes", str(path)) from None
    else:
        found: Mapping[str, Any] = told
        return found
