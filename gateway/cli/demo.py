"""`gateway demo`: a recorded visit through a real gateway on this machine, on the terminal and on a page.

Needs no other service and no configuration. Exit code 1 where anything of the visitor arrived or a request did not.
"""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import sys
import webbrowser
from pathlib import Path
from socket import socket

import click
import uvloop
from rich.console import Console

from gateway.core.errors import UserError
from gateway.demo.show import Shown, run, serve_page
from gateway.demo.stage import LOOPBACK, Stage
from gateway.demo.terminal import print_report
from gateway.proxy.server import bind

PORT = 8600
_PIPED_WIDTH = 110


@click.command("demo")
@click.option(
    "--port", type=click.IntRange(0, 65535), default=PORT, show_default=True, help="Where the page is; 0: any."
)
@click.option("--no-browser", is_flag=True, help="Print the page's address, open nothing.")
@click.option(
    "--once/--serve", "once", default=None, help="End after the report, or serve the page (as on a terminal)."
)
@click.option(
    "--save", type=click.Path(path_type=Path, dir_okay=False), help="Write the page to a file, to show it to others."
)
def command(port: int, *, no_browser: bool, once: bool | None, save: Path | None) -> None:
    """Show the whole thing on this machine, before and after."""
    for name in ("aiohttp", "asyncio"):
        logger = logging.getLogger(name)
        logger.addHandler(logging.NullHandler())
        logger.propagate = False
    is_serving = sys.stdout.isatty() if once is None else not once
    bound = bind((LOOPBACK, port), key="--port") if is_serving else None
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            holds = runner.run(_demo(bound, save, opens=is_serving and sys.stdout.isatty() and not no_browser))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        if bound is not None:
            bound.close()
    if not holds:
        raise SystemExit(1)


async def _demo(bound: socket | None, save: Path | None, *, opens: bool) -> bool:
    console = Console() if sys.stdout.isatty() else Console(width=_PIPED_WIDTH)
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    async with Stage() as stage:
        with console.status("sending a visit through the gateway …"):
            shown = await run(stage)
        print_report(console, shown.results, shown.verdict, shown.seconds)
        if save is not None:
            _save(shown, save)
        if bound is not None and not ended.is_set():
            url = f"http://{LOOPBACK}:{bound.getsockname()[1]}/"

            def ready() -> None:
                click.echo(f"\nThe page: {url}  (Ctrl-C ends)")
                if opens and _has_screen():
                    webbrowser.open(url)

            await serve_page(stage, shown, bound, ready, ended)
    return shown.verdict.holds


def _has_screen() -> bool:
    """Whether a browser would be a window: one in the terminal would cover the report."""
    return sys.platform == "darwin" or bool({"DISPLAY", "WAYLAND_DISPLAY"} & os.environ.keys())


def _save(shown: Shown, path: Path) -> None:
    try:
        path.write_text(shown.page, encoding="utf-8")
    except OSError as error:
        raise UserError(f"can't be written: {(error.strerror or 'failed').lower()}", str(path)) from None
    click.echo(f"Written: {path}")
