"""The API's document: whole, and true, as schemathesis finds with good and bad requests made of it.

The longer run: `python -m tests.console.test_openapi 100`, with that many examples of each operation.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
from pathlib import Path

import pytest

from gateway.console.openapi import document
from gateway.console.operations import OPERATIONS, PREFIX
from tests.console.serving import served

CONFIGURATION = Path(__file__).with_name("schemathesis.toml")


def references(told):
    if isinstance(told, dict):
        yield from (value for key, value in told.items() if key == "$ref")
        for value in told.values():
            yield from references(value)
    elif isinstance(told, list):
        for value in told:
            yield from references(value)


def test_the_document_describes_every_operation_once():
    told = document(OPERATIONS)
    there = {(method.upper(), path) for path, methods in told["paths"].items() for method in methods}
    assert there == {(one.method, PREFIX + one.path) for one in OPERATIONS}
    names = [one["operationId"] for methods in told["paths"].values() for one in methods.values()]
    assert len(names) == len(set(names)) == len(OPERATIONS)
    known = {f"#/components/schemas/{name}" for name in told["components"]["schemas"]}
    assert set(references(told)) <= known
    json.dumps(told)


async def run(folder, monkeypatch, examples, phases):
    async with served(folder, monkeypatch) as console:
        token = await console.token()
        streams = [f"--exclude-path={PREFIX}{one.path}" for one in OPERATIONS if one.streams]  # they last a minute each
        command = [
            sys.executable, "-m", "schemathesis.cli", "--config-file", str(CONFIGURATION), "run",
            f"{console.url}/api/v1/openapi.json", "--header", f"Authorization: Bearer {token}", "--no-color",
            *streams, "--phases", phases, "--max-examples", str(examples), "--seed", "1", "--request-timeout", "60",
        ]  # fmt: skip
        ran = await asyncio.create_subprocess_exec(
            *command, cwd=folder, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        said, _ = await ran.communicate()
        return ran.returncode, said.decode()


def test_what_the_document_promises_holds(tmp_path, monkeypatch):
    code, said = asyncio.run(run(tmp_path, monkeypatch, 1, "coverage"))
    assert code == 0, said
    assert f"{sum(not one.streams for one in OPERATIONS)} selected" in said


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made, pytest.MonkeyPatch.context() as patch:
        code, said = asyncio.run(run(Path(made), patch, int(sys.argv[1]), "coverage,fuzzing,stateful"))
    print(said)
    sys.exit(code)
