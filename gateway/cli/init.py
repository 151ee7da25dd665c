"""`gateway init`: a configuration, a rule file and certificates for one tracker, and what to change on the site.

What it writes is checked by the same code that `gateway run` starts with, and runs as it is on this machine. Nothing is
overwritten unless told so; the path is a plain one, for all to see: this is no tool to get round a blocker.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click

from gateway import config
from gateway.cli.certs import AUTHORITY, HOSTS, SERVER, make
from gateway.core.errors import UserError
from gateway.core.yaml import choose, parse, read_model
from gateway.trackers.loading import load_trackers
from gateway.trackers.schema import Setup, TrackerFile

RULES: Final = "rules/my-site.yaml"
CERTIFICATES: Final = "certs"
_ANY: Final = Setup(
    find="where your SDK sends its events now", site="the option of your SDK that names its server: location.origin + '{path}'"
)  # fmt: skip

_CONFIGURATION: Final = """\
# {file}: what stands in front of which backend. Every key: docs/configuration.md
listen: 127.0.0.1:8443
tls:
  mode: serve
  certificate: {certificates}/{certificate}
  key: {certificates}/{key}
trusted_proxies: [127.0.0.0/8]        # the site's own web server, on this machine: it says the visitor's address
routes:
{routes}
rules: [default, {rules}]
"""

_ROUTE: Final = """\
  - path: {path}
    tracker: {tracker}
    upstream: {upstream}
"""

_RULES: Final = """\
# {file}: what is private on your pages, beyond the defaults. The guide: docs/rules.md
extends: default

mask:
  - name: private parts of our pages
    select: ".private, [data-private]"      # CSS on the recorded page
    with: mask
  - name: customer numbers
    pattern: '\\bKD-\\d{{6}}\\b'               # an example: put in what your numbers look like
    with: {{replace: "[customer]"}}

tests:
  - name: a customer number goes, the rest of the text stays
    input: {{note: about KD-123456}}
    expect: {{note: "about [customer]"}}
"""

_NGINX: Final = """\
location {path} {{
  proxy_pass https://127.0.0.1:8443;
  proxy_ssl_verify on;
  proxy_ssl_name localhost;
  proxy_ssl_trusted_certificate {authority};
  proxy_http_version 1.1;
  proxy_set_header Host $host;
  proxy_set_header X-Forwarded-For $remote_addr;
  proxy_set_header X-Forwarded-Proto https;
  client_max_body_size 20m;
  proxy_request_buffering off;      # nginx keeps no unmasked body on its disk,
  access_log off;                   # and no address and query in its log
}}
"""


_NEXT: Final = """
1. Check it, test it, run it:

   {here}gateway check && gateway test && gateway run

2. Let the site's web server hand the path to it (nginx). A path of the site's own: the opt-out cookie comes along with
   every request.

{nginx}

3. On the site, change the SDK's option:

{site}
{note}
   and link the page where visitors say no, in the footer and on the privacy page:

   <a href="{path}opt-out">Recording of your visits</a>

4. In the site's Content-Security-Policy, leave the backend's own hosts out, so that nothing goes past the gateway:

   connect-src 'self'

5. See that it answers:

   curl --cacert {authority} https://localhost:8443{path}opt-out.json

The certificate is good for the web server on this machine; where browsers connect, use one that they trust.
To go back, put the SDK's option back: nothing else on the site has changed."""


@click.command("init")
@click.argument("tracker", default=config.AUTO)
@click.option("--upstream", default="", metavar="URL", help="The backend; needed where it differs by customer.")
@click.option("--path", default="/t/", show_default=True, help="The path on your site that the SDK will send to.")
@click.option(
    "--directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path(),
    help="Where the files go; this folder unless told.",
)
@click.option("--host", "hosts", multiple=True, help="A further name for the certificate; may be repeated.")
@click.option("--force", is_flag=True, help="Overwrite gateway.yaml, the rule file and the certificate.")
def command(tracker: str, upstream: str, path: str, directory: Path, hosts: tuple[str, ...], *, force: bool) -> None:
    """Write gateway.yaml, a rule file and certificates for TRACKER; say what to change on the site."""
    trackers = load_trackers(config.tracker_paths(), config.read_text)
    setup = setup_of(tracker, trackers)
    target = upstream or setup.upstream
    if not target:
        raise UserError(f"give --upstream https://…: {setup.find}")
    routes = {path: target}
    if not upstream or upstream == setup.upstream:  # a backend of one's own has its own ways in
        routes |= {f"{path}{below}": to for below, to in setup.routes.items()}
    written = write(directory, tracker, routes, hosts, force=force)
    for one in written:
        click.echo(f"wrote {one}")
    click.echo(told(setup, path, directory))


def setup_of(tracker: str, trackers: Mapping[str, TrackerFile]) -> Setup:
    """How a site is pointed at the gateway for this tracker; UserError where there is none of that name."""
    if tracker == config.AUTO:
        return _ANY
    names = [name for name in trackers if not name.startswith("_")]
    try:
        return trackers[choose(tracker, names, "tracker")].setup or _ANY
    except ValueError as error:
        raise UserError(str(error)) from None


def write(
    directory: Path, tracker: str, routes: Mapping[str, str], hosts: tuple[str, ...] = (), *, force: bool = False
) -> list[Path]:
    """Writes the files and loads them as `gateway run` would; returns what was written.

    UserError, with nothing written, where a file is in the way or an option is wrong.
    """
    rows = "".join(
        _ROUTE.format(path=_plain(path), tracker=tracker, upstream=_plain(to)) for path, to in routes.items()
    )
    texts = {
        config.FILE_NAME: _CONFIGURATION.format(
            file=config.FILE_NAME,
            certificates=CERTIFICATES,
            certificate=SERVER[0],
            key=SERVER[1],
            routes=rows.rstrip("\n"),
            rules=RULES,
        ),
        RULES: _RULES.format(file=RULES),
    }
    _check(texts[config.FILE_NAME])
    certificates = directory / CERTIFICATES
    for one in (*texts, f"{CERTIFICATES}/{SERVER[0]}", f"{CERTIFICATES}/{SERVER[1]}"):
        if (directory / one).exists() and not force:
            raise UserError(
                "is there already: give --force to overwrite it, or another --directory", str(directory / one)
            )
    written: list[Path] = []
    try:
        for name, text in texts.items():
            file = directory / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
            written.append(file)
    except OSError as error:
        reason = (error.strerror or "failed").lower()
        raise UserError(f"can't be written: {reason}", str(error.filename or directory)) from None
    written += make(certificates, [*HOSTS, *hosts], force=force)
    config.load(directory / config.FILE_NAME)
    return written


def _plain(value: str) -> str:
    """A value as YAML: bare where nothing in it could be read as more than itself."""
    return value if re.fullmatch(r"[\w./:-]+", value, re.ASCII) else json.dumps(value)


def _check(text: str) -> None:
    """Whether a configuration would be taken; of the options, the path and the upstream are the user's own."""
    try:
        read_model(parse(text, config.FILE_NAME), config.Settings, config.Surroundings())
    except UserError as error:
        raise UserError(f"--path or --upstream: {error.message}") from None


def told(setup: Setup, path: str, directory: Path) -> str:
    """What to do next, in order, as text for a terminal."""
    return _NEXT.format(
        here="" if directory == Path() else f"cd {directory} && ",
        nginx=_indented(_NGINX.format(path=path, authority=(directory / CERTIFICATES / AUTHORITY[0]).absolute())),
        site=_indented(setup.site.replace("{path}", path.rstrip("/"))),
        note=f"\n   {setup.note}\n" if setup.note else "",
        authority=directory / CERTIFICATES / AUTHORITY[0],
        path=path,
    )


def _indented(text: str) -> str:
    return "\n".join(f"   {line}" for line in text.rstrip("\n").split("\n"))
