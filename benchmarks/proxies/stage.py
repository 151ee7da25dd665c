"""What is measured and what measures: a sink, the proxies before it, wrk and hey; each pinned to its core where there are two.

The proxies have core 0 for themselves, everything else the last one. CPU time is that of a process and all its children, as
the kernel counted it (10 ms ticks), so that it does not depend on what else the machine does.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import trustme

from tests.wire.process import running

ROOT = Path(__file__).parents[2]
WORKLOADS = ROOT / "benchmarks" / "workloads"
PATHS = {"ev_2k": "/v1/t", "rr_50k": "/s/", "rr_1m": "/s/"}
VARIANTS = 32
"""Sessions that requests of a workload belong to, one after the other."""
_SESSION = re.compile(rb'"\$session_id":"([0-9a-f-]{36})"')
_TICK = os.sysconf("SC_CLK_TCK")
PROXY_CORE = "0"
OTHER_CORE = str((os.cpu_count() or 1) - 1)


@dataclass(frozen=True)
class Proxy:
    """Something that passes requests on: its process, and where it listens."""

    name: str
    pid: int
    port: int
    scheme: str = "http"


def missing() -> list[str]:
    """The programs that have to be installed first."""
    os.environ["PATH"] += ":/usr/sbin"
    return [name for name in ("nginx", "wrk", "hey", "taskset") if shutil.which(name) is None]


def tree(pid: int) -> list[int]:
    """A process and all below it."""
    found = [pid]
    for one in found:
        for task in Path(f"/proc/{one}/task").glob("*"):
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def cpu(pid: int) -> float:
    """Seconds of CPU time that a process and its children have used."""
    total = 0
    for one in tree(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += int(fields[11]) + int(fields[12])
    return total / _TICK


def memory(pid: int) -> float:
    """MiB that a process and its children hold in memory."""
    pages = sum(int(Path(f"/proc/{one}/statm").read_text().split()[1]) for one in tree(pid))
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def body_of(workload: str) -> bytes:
    return gzip.decompress((WORKLOADS / f"{workload}.json.gz").read_bytes())


def bodies(workload: str, folder: Path) -> list[Path]:
    """The workload as sent by several visitors."""
    whole = body_of(workload)
    found = _SESSION.search(whole)
    made = []
    for number in range(VARIANTS if found else 1):
        path = folder / f"{workload}.{number}.json"
        if found:
            session = found[1][:-4] + b"%04x" % number
            path.write_bytes(whole.replace(found[1], session))
        else:
            path.write_bytes(whole)
        made.append(path)
    return made


def _wait(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        if process.poll() is not None:
            raise SystemExit(f"{process.args!r} ended with {process.returncode}")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)  # it listens soon; 30 s at most
    raise SystemExit(f"{process.args!r} does not listen")


@contextmanager
def _started(core: str, command: list[str], port: int, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        ["taskset", "-c", core, *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env={**os.environ, **more},
    )  # fmt: skip
    try:
        _wait(port, process)
        yield process
    finally:
        process.terminate()
        process.wait(30)


class Stage:
    """A folder with certificates, and the sink: nginx, which reads every body and answers `ok`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.chmod(0o711)  # nginx reads as somebody else
        authority = trustme.CA()
        authority.cert_pem.write_to_path(str(folder / "ca.pem"))
        leaf = authority.issue_cert("localhost", "127.0.0.1")
        leaf.private_key_pem.write_to_path(str(folder / "leaf.key"))
        (folder / "leaf.pem").write_bytes(b"".join(pem.bytes() for pem in leaf.cert_chain_pems))
        (folder / "large").write_bytes(bytes(100_000_000))

    def _nginx(self, name: str, servers: str) -> list[str]:
        prefix = self.folder / name
        prefix.mkdir(exist_ok=True)
        text = (
            f"daemon off; worker_processes 1; pid {prefix}/pid; error_log {prefix}/error.log crit;\n"
            "events { worker_connections 8192; }\n"
            "http { access_log off; client_max_body_size 0; client_body_buffer_size 2m; keepalive_requests 1000000000;\n"
            f"client_body_temp_path {prefix}/body; proxy_temp_path {prefix}/proxy; fastcgi_temp_path {prefix}/f;\n"
            f"uwsgi_temp_path {prefix}/u; scgi_temp_path {prefix}/s; sendfile on;\n"
            f"ssl_certificate {self.folder}/leaf.pem; ssl_certificate_key {self.folder}/leaf.key;\n{servers}\n}}"
        )
        (prefix / "nginx.conf").write_text(text)
        return ["nginx", "-e", f"{prefix}/error.log", "-p", str(prefix), "-c", f"{prefix}/nginx.conf"]

    @contextmanager
    def sink(self) -> Iterator[tuple[int, int]]:
        """Its ports, plain and TLS."""
        plain, tls = free_port(), free_port()
        command = self._nginx(
            "sink",
            f"server {{ listen 127.0.0.1:{plain} backlog=4096; listen 127.0.0.1:{tls} ssl backlog=4096;\n"
            f"location / {{ return 200 ok; }} location /large {{ root {self.folder}; }} }}",
        )
        with _started(OTHER_CORE, command, plain):
            yield plain, tls

    @contextmanager
    def nginx(self, upstream: int, *, tls: bool = False) -> Iterator[Proxy]:
        """nginx that only passes on."""
        port = free_port()
        scheme = "https" if tls else "http"
        trust = f"proxy_ssl_verify on; proxy_ssl_trusted_certificate {self.folder}/ca.pem; proxy_ssl_name localhost;"
        command = self._nginx(
            f"front-{scheme}",
            f"upstream sink {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}\n"
            f"server {{ listen 127.0.0.1:{port} {'ssl' if tls else ''} backlog=4096;\n"
            f"location / {{ proxy_pass {scheme}://sink; proxy_http_version 1.1; proxy_set_header Connection '';\n"
            f"proxy_buffers 8 64k; {trust if tls else ''} }} }}",
        )
        with _started(PROXY_CORE, command, port) as process:
            yield Proxy("nginx", process.pid, port, scheme)

    @contextmanager
    def gateway(self, upstream: int, *, tls: bool = False, workers: int = 1, pinned: bool = True) -> Iterator[Proxy]:
        """`gateway run` with the default rules."""
        folder = Path(tempfile.mkdtemp(dir=self.folder))
        scheme = "https" if tls else "http"
        served = f"{{certificate: {self.folder}/leaf.pem, key: {self.folder}/leaf.key}}"
        routes = f"  - path: /\n    upstream: {scheme}://localhost:{upstream}\n"
        if tls:
            routes += f"    upstream_ca: {self.folder}/ca.pem\n"
        mode = served if tls else "{mode: off}"
        more = f"workers: {workers}\nlimits: {{connections: 4096}}\n"
        with running(folder, routes, more=more, tls=mode, core=PROXY_CORE if pinned else None) as made:
            yield Proxy("gateway", made.pid, made.port, scheme)

    @contextmanager
    def mitmdump(self, upstream: int) -> Iterator[Proxy]:
        """mitmdump with the add-on that people write."""
        port = free_port()
        command = [
            *(str(Path(sys.executable).parent / "mitmdump"), "-q", "--mode", f"reverse:http://127.0.0.1:{upstream}"),
            *("-p", str(port), "--listen-host", "127.0.0.1", "-s", str(ROOT / "benchmarks" / "proxies" / "addon.py")),
            *("--set", f"confdir={self.folder}/mitm", "--set", "body_size_limit=64m"),
        ]
        with _started(PROXY_CORE, command, port, PYTHONPATH=str(ROOT)) as process:
            yield Proxy("mitmdump", process.pid, port)


@dataclass(frozen=True)
class Load:
    """What wrk saw."""

    requests: int
    seconds: float
    failed: int

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


_LUA = """
local files = {%s}
local bodies = {}
for i, name in ipairs(files) do
  local file = io.open(name, "rb")
  bodies[i] = file:read("*a")
  file:close()
end
local at = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "text/plain"
function request()
  at = at %% #bodies + 1
  return wrk.format(nil, nil, nil, bodies[at])
end
function done(summary, latency, requests)
  local e = summary.errors
  io.write(string.format('{"requests": %%d, "us": %%d, "failed": %%d}\\n', summary.requests, summary.duration,
    e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def load(proxy: Proxy, workload: str, folder: Path, seconds: float, connections: int = 8) -> Load:
    """Asks as fast as it is answered, on `connections` connections."""
    script = folder / f"{workload}.lua"
    if not script.exists():
        script.write_text(_LUA % ", ".join(f'"{path}"' for path in bodies(workload, folder)))
    url = f"{proxy.scheme}://127.0.0.1:{proxy.port}{PATHS[workload]}"
    command = [
        "taskset",
        "-c",
        OTHER_CORE,
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{round(seconds)}s",
        "--timeout",
        "60s",
    ]
    done = subprocess.run([*command, "-s", str(script), url], capture_output=True, text=True, check=True, timeout=300)
    told = json.loads(next(line for line in done.stdout.splitlines() if line.startswith('{"requests"')))
    return Load(told["requests"], told["us"] / 1e6, told["failed"])


def delays(
    proxy: Proxy, workload: str, folder: Path, seconds: float, rate: float, connections: int = 8
) -> dict[int, float]:
    """Asks `rate` times a second; the answer times in milliseconds, by percentile."""
    body = bodies(workload, folder)[0]
    url = f"{proxy.scheme}://127.0.0.1:{proxy.port}{PATHS[workload]}"
    command = [
        *(
            "taskset",
            "-c",
            OTHER_CORE,
            "hey",
            "-m",
            "POST",
            "-D",
            str(body),
            "-T",
            "text/plain",
            "-z",
            f"{round(seconds)}s",
        ),
        *("-c", str(connections), "-q", f"{rate / connections:.3f}", "-o", "csv", url),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=300)
    rows = [line.split(",") for line in done.stdout.splitlines()[1:]]
    times = sorted(float(row[0]) * 1000 for row in rows if row[6] == "200")
    if not times or len(times) < 0.99 * len(rows):
        raise SystemExit(f"{proxy.name}: {len(rows) - len(times)} of {len(rows)} requests were not answered with 200")
    return {p: times[min(len(times) - 1, len(times) * p // 100)] for p in (50, 90, 99)}
