"""What docker/ ships is well-formed, refers to what is there, and locks every container up: by the schemas of Compose and

Kubernetes, systemd's own judgement, and the gateway's. `python -m tests.deploy` builds and runs it.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from click.testing import CliRunner

from gateway import config
from gateway.cli.app import gateway

DOCKER = Path(__file__).parents[2] / "docker"
COMPOSE = yaml.safe_load((DOCKER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]
KUBERNETES = DOCKER / "kubernetes"
KUSTOMIZATION = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
MANIFESTS = {
    name: yaml.safe_load((KUBERNETES / name).read_text()) for name in [*KUSTOMIZATION["resources"], "ingress.yaml"]
}
VERSIONS = ("1.30", "1.34", "1.37")
POD = MANIFESTS["deployment.yaml"]["spec"]["template"]["spec"]
CONTAINERS = {container["name"]: container for container in POD["containers"]}
DOCKERFILE = (DOCKER / "Dockerfile").read_text()
UNIT = DOCKER / "systemd" / "gateway.service"


def run(*words, **options):
    return subprocess.run(words, capture_output=True, text=True, check=False, **options)


def compose_check(path):
    return run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", path)


def test_the_compose_file_is_one(tmp_path):
    checked = compose_check(DOCKER / "compose.yaml")
    assert checked.returncode == 0, checked.stdout
    (tmp_path / "broken.yaml").write_text(
        (DOCKER / "compose.yaml").read_text().replace("read_only: true", "read_only: 7")
    )
    assert compose_check(tmp_path / "broken.yaml").returncode == 1


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_locked_up(name):
    service = SERVICES[name]
    assert (service["read_only"], service["cap_drop"], service["security_opt"]) == (
        True,
        ["ALL"],
        ["no-new-privileges:true"],
    )
    assert not {"privileged", "cap_add", "devices", "pid", "ipc"} & set(service)
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    for volume in service.get("volumes", []):
        source = volume.split(":")[0]
        assert (DOCKER / source).exists() if source.startswith(".") else source in COMPOSE["volumes"], source
        assert not source.startswith(".") or volume.endswith(":ro"), volume


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("name", MANIFESTS)
def test_a_manifest_is_what_kubernetes_takes(name, version):
    assert kubernetes_validate.validate(MANIFESTS[name], version, strict=True)
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate({**MANIFESTS[name], "metadata": {"nam": "gateway"}}, version, strict=True)


def test_every_manifest_is_applied_but_the_example():
    there = {path.name for path in KUBERNETES.glob("*.yaml")}
    (config_map,) = KUSTOMIZATION["configMapGenerator"]
    assert there - set(config_map["files"]) - {"kustomization.yaml", "ingress.yaml"} == set(KUSTOMIZATION["resources"])
    assert all((KUBERNETES / name).is_file() for name in config_map["files"])


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_of_the_pod_is_locked_up(name):
    locked = {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}
    assert CONTAINERS[name]["securityContext"] == locked
    assert {"requests", "limits"} == set(CONTAINERS[name]["resources"])
    assert "memory" in CONTAINERS[name]["resources"]["limits"]
    mounted = {mount["name"] for mount in CONTAINERS[name]["volumeMounts"]}
    assert mounted <= {volume["name"] for volume in POD["volumes"]}


def test_the_pod_runs_as_nobody_and_its_secrets_come_from_secrets():
    assert (POD["securityContext"]["runAsNonRoot"], POD["securityContext"]["runAsUser"]) == (True, 10001)
    assert (POD["automountServiceAccountToken"], POD["enableServiceLinks"]) == (False, False)
    assert all("secretKeyRef" in one["valueFrom"] for one in CONTAINERS["gateway"]["env"])
    assert {"startupProbe", "livenessProbe", "readinessProbe", "lifecycle"} <= set(CONTAINERS["gateway"])


def test_what_names_something_names_something_there():
    labels = MANIFESTS["deployment.yaml"]["spec"]["template"]["metadata"]["labels"]
    selectors = [
        MANIFESTS["deployment.yaml"]["spec"]["selector"]["matchLabels"],
        MANIFESTS["service.yaml"]["spec"]["selector"],
        MANIFESTS["disruption.yaml"]["spec"]["selector"]["matchLabels"],
        MANIFESTS["network.yaml"]["spec"]["podSelector"]["matchLabels"],
    ]
    assert all(selector == labels for selector in selectors)
    ports = {port["name"] for container in CONTAINERS.values() for port in container["ports"]}
    allowed = {port["port"] for rule in MANIFESTS["network.yaml"]["spec"]["ingress"] for port in rule["ports"]}
    assert {MANIFESTS["service.yaml"]["spec"]["ports"][0]["targetPort"], *allowed} == ports
    scaler = MANIFESTS["autoscaler.yaml"]["spec"]
    assert scaler["scaleTargetRef"]["name"] == MANIFESTS["deployment.yaml"]["metadata"]["name"]
    assert scaler["metrics"][0]["containerResource"]["container"] in CONTAINERS


@pytest.mark.parametrize(
    "path", [DOCKER / "demo" / "gateway.yaml", KUBERNETES / "gateway.yaml"], ids=["demo", "kubernetes"]
)
def test_a_shipped_configuration_loads_and_its_rules_pass(path):
    settings = config.load_settings(path, {})
    rules = [path.parent / name for name in settings.rules if name.endswith(".yaml")]
    for command in ("check", "test"):
        done = CliRunner().invoke(gateway, [command, *map(str, rules)])
        assert (done.exit_code, done.stderr) == (0, "")


def test_the_secrets_of_the_pod_are_those_that_its_gateway_asks_for():
    asked = set(re.findall(r"env:(\w+)", (KUBERNETES / "gateway.yaml").read_text()))
    assert {one["name"] for one in CONTAINERS["gateway"]["env"]} == asked


def test_the_image_ends_without_tools_as_nobody_and_says_how_it_is():
    final = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (.+)$", final, re.MULTILINE) == ["10001:10001"]
    assert re.search(
        r'^HEALTHCHECK .*\\\n  CMD \["python3", "-I", "/etc/gateway/probe.py", "ready"\]$', final, re.MULTILINE
    )
    assert re.search(r"\b(?:pip|uv|gcc|build-essential)\b", final) is None


def test_what_the_image_copies_is_let_through():
    copied = [
        word for line in re.findall(r"^COPY (?!--from)(.+)$", DOCKERFILE, re.MULTILINE) for word in line.split()[:-1]
    ]
    ignored = (DOCKER / "Dockerfile.dockerignore").read_text().splitlines()
    assert copied
    for source in copied:
        assert (DOCKER.parent / source).exists()
        assert f"!{source}" in ignored


def test_systemd_takes_the_unit_and_finds_little_exposed(tmp_path):
    here = UNIT.read_text().replace("/opt/gateway/bin/gateway", "/bin/true").replace("User=gateway", "User=daemon")
    unit = tmp_path / UNIT.name
    unit.write_text(here.replace("Group=gateway", "Group=daemon"))
    verified = run("systemd-analyze", "verify", "--man=no", unit)
    assert [line for line in verified.stderr.splitlines() if UNIT.name in line] == []
    judged = run("systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=15", UNIT)
    assert judged.returncode == 0, judged.stdout[-200:]


@pytest.mark.parametrize("script", [DOCKER / "demo" / "setup.sh"], ids=lambda path: path.name)
def test_a_script_reads(script):
    assert run("sh", "-n", script).returncode == 0


class Console(BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.path == "/live" else 503)
        self.end_headers()
        self.wfile.write(b"draining")

    def log_message(self, *_):
        pass


def test_the_probe_says_yes_no_and_what_is_missing():
    with HTTPServer(("127.0.0.1", 0), Console) as console:
        thread = threading.Thread(target=console.serve_forever, args=(0.05,))
        thread.start()
        address = {"GATEWAY_CONSOLE": f"127.0.0.1:{console.server_port}"}
        try:
            told = [run(sys.executable, "-I", DOCKER / "probe.py", page, env=address) for page in ("live", "ready")]
        finally:
            console.shutdown()
            thread.join(10)
    assert [(one.returncode, one.stdout) for one in told] == [(0, "draining"), (1, "draining")]
    nobody = run(sys.executable, "-I", DOCKER / "probe.py", "ready", env=address)
    assert nobody.returncode == 1
    assert "needs `console:`" in nobody.stderr
