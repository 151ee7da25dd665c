"""The programs that the browser tests start: each by its own pid, with a folder of its own, ended with its `with` block.

`node` runs a script of this folder; `gateway` the gateway's own command; `front` nginx with a site's files, HTTPS, and what
stands behind it.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

HERE = Path(__file__).parent
PATIENCE = 30.0  # seconds that a program may take to start, or to end
NODE_LIMIT = 240.0  # seconds that a script may run

GATEWAY_RULES = """\
extends: default
mask:
  - name: private parts of our pages
    select: ".private"
    with: mask
"""

NGINX_CONF = """\
{user}
daemon off;
worker_processes 1;
pid {home}/nginx.pid;
error_log {home}/error.log;
events {{}}
http {{
  types {{ text/html html; text/javascript js; }}
  log_format asked '$request_method $request_uri $status';
  access_log {home}/access.log asked;
  client_body_temp_path {home}/body;
  proxy_temp_path {home}/proxy;
  fastcgi_temp_path {home}/fastcgi;
  uwsgi_temp_path {home}/uwsgi;
  scgi_temp_path {home}/scgi;
  server {{
    listen 127.0.0.1:{port} ssl;
    server_name {host};
    ssl_certificate {home}/site.pem;
    ssl_certificate_key {home}/site.key;
    client_max_body_size 20m;
    location / {{ root {site}; }}
    proxy_http_version 1.1;
    proxy_set_header Host $host;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Proto https;
    {locations}
  }}
}}
"""


def program(name: str, *elsewhere: str) -> str:
    """The path of an installed program; an error that says what to install where there is none."""
    found = shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *elsewhere]))
    assert found, f"the browser tests need `{name}`: apt-get install {name}"
    return found


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(holds: Callable[[], bool], what: str) -> None:
    """Returns once `holds()`; fails when it does not within the patience."""
    end = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < end, what
        time.sleep(0.05)


def end(process: subprocess.Popen[Any]) -> None:
    """Asks the process to end, then makes it."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@contextmanager
def listening(command: list[str], port: int, home: Path, log: str) -> Iterator[None]:
    """A server as a child: inside, it accepts connections on `port`."""

    def accepts() -> bool:
        assert process.poll() is None, f"{command[0]} ended at once: {(home / log).read_text()}"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", port)) == 0

    with (home / log).open("wb") as output:
        process = subprocess.Popen(command, cwd=home, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        try:
            wait_until(accepts, f"{command[0]} did not listen on {port}")
            yield
        finally:
            end(process)


@contextmanager
def gateway(home: Path, settings: Mapping[str, Any]) -> Iterator[int]:
    """`gateway run` with the default rules and `.private` masked; gives its port."""
    port = free_port()
    (home / "rules.yaml").write_text(GATEWAY_RULES)
    config = {"listen": f"127.0.0.1:{port}", "rules": ["default", "rules.yaml"], **settings}
    (home / "gateway.yaml").write_text(json.dumps(config))  # JSON is YAML
    command = [sys.executable, "-m", "gateway", "run", "--config", str(home / "gateway.yaml")]
    with listening(command, port, home, "gateway.log"):
        yield port


@contextmanager
def front(home: Path, site: Path, host: str, behind: Mapping[str, str]) -> Iterator[int]:
    """nginx as a site owner sets it up; `home` holds site.pem and site.key, `behind` says who answers a path. Gives its port."""
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""  # its worker could not read our folder otherwise
    locations = "\n    ".join(f"location {path} {{ proxy_pass {url}; }}" for path, url in behind.items())
    conf = home / "nginx.conf"
    conf.write_text(NGINX_CONF.format(user=user, home=home, port=port, host=host, site=site, locations=locations))
    command = [program("nginx", "/usr/sbin"), "-p", str(home), "-e", str(home / "error.log"), "-c", str(conf)]
    with listening(command, port, home, "nginx.log"):
        yield port


@contextmanager
def node(script: str, home: Path, job: Mapping[str, Any]) -> Iterator[subprocess.Popen[str]]:
    """A script of this folder with its job; text pipes. Asked to end, it takes its browser along."""
    file = home / f"{script}.job.json"
    file.write_text(json.dumps({"chromium": program("chromium"), **job}))
    command = [program("node"), str(HERE / script), str(file)]
    with (home / f"{script}.log").open("wb") as errors:
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True)
        limit = threading.Timer(NODE_LIMIT, process.terminate)
        limit.start()
        try:
            yield process
        finally:
            limit.cancel()
            assert process.stdin
            assert process.stdout
            process.stdin.close()
            end(process)
            process.stdout.close()


def next_line(process: subprocess.Popen[str], log: Path) -> Any:
    """The next JSON line that a script prints; when it ended instead, an error with what it had to say."""
    assert process.stdout
    line = process.stdout.readline()
    assert line, f"the script ended: {log.read_text()}"
    return json.loads(line)
