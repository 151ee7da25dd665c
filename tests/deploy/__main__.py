"""`python -m tests.deploy [FOLDER]`: docker/Dockerfile is built, and docker/compose.yaml's services run, by podman.

Not part of `make test`: it takes minutes, root, debootstrap, buildah, podman and runc, all Debian's. No registry is asked: the base
image is made here by debootstrap, NATS is Debian's nats-server in the gateway's image. Prometheus and Grafana are left out. The
services share one network without a way out, in which their names are loopback addresses. All else is as compose.yaml says.

FOLDER (a new one in the system's temporary folder unless told) keeps base and images for the next run. Exit code 1 where a
line says FAILED.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).parents[2]
BASE: Final = "localhost/debian:trixie-slim"
IMAGE: Final = "localhost/masking-gateway:latest"
AUTHORITIES: Final = "/etc/ssl/certs/ca-certificates.crt"
NEEDED: Final = ("debootstrap", "buildah", "podman", "runc", "nats-server")
PATIENCE: Final = 60.0

SEND: Final = """
import ssl, sys, urllib.request
context = ssl.create_default_context(cafile="/srv/var/certs/ca.pem")
request = urllib.request.Request("https://localhost:8443/t/e/", sys.argv[1].encode(), {"Content-Type": "application/json"})
print(urllib.request.urlopen(request, context=context, timeout=10).status)
"""
EVENT: Final = (
    '{"event":"x","api_key":"k","distinct_id":"d","properties":{"note":"jane@shop.example about KD-123456, NO-654321"}}'
)
TOOLS: Final = "for tool in pip pip3 uv gcc cc make git curl; do command -v $tool; done; true"


class Failed(Exception):  # noqa: N818 - what happened, not an error of the program
    """One line of the report."""


class Proof:
    """A store of images of its own, and the containers of one run."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = ["--root", f"{folder}/images", "--runroot", f"{folder}/run", "--storage-driver", "overlay"]
        self.demo = folder / "demo"
        self.started: list[str] = []
        self.failed = False

    def podman(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return call(["podman", *self.store, "--cgroup-manager", "cgroupfs", "--runtime", "runc", *words], check=check)

    def prove(self, claim: str, holds: Callable[[], object]) -> None:
        """One line: what is claimed, and what was seen."""
        try:
            seen = holds()
        except (Failed, subprocess.SubprocessError, OSError) as error:
            self.failed = True
            told = getattr(error, "stderr", "") or str(error)
            print(f"FAILED  {claim}: {told.strip()[-1200:]}", flush=True)
        else:
            print(f"ok      {claim}{f': {seen}' if seen else ''}", flush=True)

    def base(self) -> str:
        tar = self.folder / "base.tar.gz"
        if not tar.exists():
            root = self.folder / "base"
            shutil.rmtree(root, ignore_errors=True)
            call(["debootstrap", "--variant=minbase", "--include=ca-certificates", "trixie", str(root)])
            call(["tar", "-C", str(root), "-czf", str(tar), "."])
            shutil.rmtree(root)
        (self.folder / "Base").write_text(f"FROM scratch\nADD {tar.name} /\n")
        self.buildah("-f", str(self.folder / "Base"), "-t", BASE, str(self.folder))
        return "debootstrap trixie"

    def build(self) -> str:
        docker = ROOT / "docker"
        trusted = [f"--volume={AUTHORITIES}:{AUTHORITIES}:ro"] if Path(AUTHORITIES).exists() else []
        self.buildah(
            *trusted, f"--build-arg=BASE={BASE}", "-f", str(docker / "Dockerfile"),
            f"--ignorefile={docker / 'Dockerfile.dockerignore'}", "-t", IMAGE, str(ROOT),
        )  # fmt: skip
        listed = json.loads(self.podman("images", "--format", "json").stdout)
        size = {name: one["Size"] for one in listed for name in one.get("Names", ())}
        return f"{size[IMAGE] / 1e6:.0f} MB, of which the base {size[BASE] / 1e6:.0f} MB"

    def buildah(self, *words: str) -> None:
        isolated = ["--format", "docker", "--isolation", "chroot", "--network", "host"]
        call(["buildah", *self.store, "bud", *isolated, *words])

    def tools(self) -> str:
        found = self.podman(
            "run", "--rm", *LIMITS, "--no-healthcheck", "--network=none", "--entrypoint=sh", IMAGE, "-c", TOOLS
        )
        if found.stdout.strip():
            raise Failed(found.stdout)
        return "none of pip, uv, gcc, make, git, curl"

    def compiled(self) -> str:
        look = "from gateway.native import compiled; print(compiled.__file__.rpartition('/')[2])"
        words = ["run", "--rm", *LIMITS, "--no-healthcheck", "--network=none", "--entrypoint=/opt/gateway/bin/python"]
        return self.podman(*words, IMAGE, "-c", look).stdout.strip()

    def start(self, name: str, service: dict[str, Any], network: str, *words: str) -> str:
        """A service of compose.yaml, by podman."""
        options = [
            *LIMITS, "--no-healthcheck", f"--network={network}", "--no-hosts", f"--volume={self.folder / 'hosts'}:/etc/hosts:ro", *(f"--cap-drop={one}" for one in service["cap_drop"]),
            *(f"--security-opt={one.replace(':true', '')}" for one in service["security_opt"]),
            *(["--read-only"] if service["read_only"] else []), *(f"--tmpfs={_tmpfs(one)}" for one in service["tmpfs"]),
            *(f"--volume={self._volume(one)}" for one in service["volumes"]), *words,
        ]  # fmt: skip
        if "user" in service:
            options.append(f"--user={service['user']}")
        entry = service.get("entrypoint", [])
        if entry:
            options.append(f"--entrypoint={json.dumps(entry)}")
        self.started.append(name)
        done = self.podman("run", "--name", name, *options, IMAGE, *service.get("command", []))
        return done.stdout.strip()[:12]

    def _volume(self, written: str) -> str:
        source, _, rest = written.partition(":")
        if source.startswith("/"):
            return written
        if source.startswith("./demo"):
            return f"{self.demo}:{rest}"
        return f"{(ROOT / 'docker' / source).resolve()}:{rest}" if source.startswith(".") else f"proof-{source}:{rest}"

    def ask(self, name: str, *words: str) -> str:
        return self.podman("exec", name, *words).stdout.strip()

    def healthy(self) -> str:
        """The image's own health check, run in the container as Docker would."""
        config = json.loads(self.podman("image", "inspect", IMAGE).stdout)[0]
        _, *command = config["Healthcheck"]["Test"]
        try:
            return wait_for(lambda: self.ask("gateway", *command))
        except Failed as error:
            raise Failed(f"{error}\n{self.podman('logs', 'gateway').stderr}") from None

    def confined(self) -> str:
        pid = json.loads(self.podman("inspect", "gateway").stdout)[0]["State"]["Pid"]
        status = dict(
            line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
        )
        mounts = Path(f"/proc/{pid}/mountinfo").read_text().splitlines()
        (root,) = (line.split()[5] for line in mounts if line.split()[4] == "/")
        seen = {
            "uid": status["Uid"].split()[0], "capabilities": status["CapEff"], "no new privileges": status["NoNewPrivs"],
            "root": root.split(",")[0], "seccomp": status["Seccomp"],
        }  # fmt: skip
        wanted = {"uid": "10001", "capabilities": "0" * 16, "no new privileges": "1", "root": "ro", "seccomp": "2"}
        if seen != wanted:
            raise Failed(str(seen))
        return ", ".join(f"{key} {value}" for key, value in seen.items())

    def unwritable(self) -> str:
        for folder in ("/", "/opt/gateway", "/etc/gateway", "/srv"):
            told = self.podman("exec", "gateway", "touch", f"{folder}/x", check=False).stderr
            if "Read-only file system" not in told:
                raise Failed(f"{folder}: {told}")
        return "/, /opt/gateway, /etc/gateway, /srv"

    def masked(self) -> str:
        self.ask("gateway", "python3", "-c", SEND, EVENT)
        seen = wait_for(lambda: last_line(self.podman("logs", "backend").stdout, "POST /e/"))
        if "jane" in seen or "[email] about [customer], NO-654321" not in seen:
            raise Failed(seen)
        return seen.partition('"properties":')[2]

    def reloaded(self) -> str:
        rules = self.demo / "rules" / "demo.yaml"
        rules.write_text(rules.read_text().replace("(KD", "KD").replace("KD-", "(?:KD|NO)-"))

        def seen() -> str:
            self.ask("gateway", "python3", "-c", SEND, EVENT)
            line = last_line(self.podman("logs", "backend").stdout, "POST /e/")
            return line.partition('"properties":')[2] if "[customer], [customer]" in line else ""

        return wait_for(seen)

    def stopped(self) -> str:
        self.podman("stop", "--time", "20", "gateway")
        state = json.loads(self.podman("inspect", "gateway").stdout)[0]["State"]
        if state["ExitCode"] != 0:
            raise Failed(f"exit code {state['ExitCode']}")
        return "exit code 0"

    def clean(self) -> None:
        for name in reversed(self.started):
            self.podman("rm", "--force", "--time", "2", name, check=False)
        self.podman("volume", "rm", "--force", "proof-state", check=False)


# what a sandbox without CAP_SYS_RESOURCE can set; podman's own default is more
LIMITS: Final = ("--ulimit=nofile=4096:4096", "--ulimit=nproc=4096:4096")


def call(command: Sequence[str], *, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, check=check, capture_output=True, text=True, timeout=1200)


def wait_for(look: Callable[[], str]) -> str:
    end = time.monotonic() + PATIENCE
    while True:
        try:
            seen, told = look(), "nothing was seen"
        except subprocess.CalledProcessError as error:
            seen, told = "", error.stderr + error.stdout
        if seen:
            return seen
        if time.monotonic() > end:
            raise Failed(told)
        time.sleep(0.5)


def last_line(text: str, start: str) -> str:
    return next((line for line in reversed(text.splitlines()) if line.startswith(start)), "")


def _tmpfs(written: str) -> str:
    folder, _, options = written.partition(":")
    owned = [one for one in options.split(",") if one.startswith("size=")]
    return ":".join([folder, ",".join([*owned, "mode=1777"])])  # podman 4 knows no uid= here


def main(folder: Path) -> int:
    missing = [name for name in NEEDED if shutil.which(name) is None]
    if missing or os.geteuid() != 0:
        print(f"this needs root, and {', '.join(missing) or 'all that is here'} (apt-get install)", file=sys.stderr)
        return 2
    folder.mkdir(parents=True, exist_ok=True)
    proof = Proof(folder)
    shutil.rmtree(proof.demo, ignore_errors=True)
    shutil.copytree(ROOT / "docker" / "demo", proof.demo)
    (folder / "hosts").write_text("127.0.0.1 localhost gateway backend nats\n")
    services = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text())["services"]
    nats = {**services["nats"], "entrypoint": ["nats-server"]}
    nats["volumes"] = [*nats["volumes"], f"{Path(shutil.which('nats-server') or '').resolve()}:/usr/bin/nats-server:ro"]
    try:
        proof.prove("a base image, made here", proof.base)
        proof.prove("the Dockerfile builds", proof.build)
        if proof.failed:
            return 1  # an image of an earlier run would be proved
        proof.prove("no build tools in the image", proof.tools)
        proof.prove("its compiled part is in it", proof.compiled)
        proof.prove("setup makes certificates and keys", lambda: proof.start("setup", services["setup"], "none"))
        proof.prove("the backend starts", lambda: proof.start("backend", services["backend"], "none", "--detach"))
        proof.prove("NATS starts", lambda: proof.start("nats", nats, "container:backend", "--detach"))
        shared = "container:backend"
        proof.prove("the gateway starts", lambda: proof.start("gateway", services["gateway"], shared, "--detach"))
        proof.prove("the health check passes", proof.healthy)
        proof.prove("without root, rights or a way to more", proof.confined)
        proof.prove("nothing can be written", proof.unwritable)
        proof.prove("an event arrives, masked", proof.masked)
        proof.prove("an edited rule is taken up", proof.reloaded)
        proof.prove("told to stop, it ends", proof.stopped)
    finally:
        proof.clean()
    return int(proof.failed)


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="deploy-"))))
