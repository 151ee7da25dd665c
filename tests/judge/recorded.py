"""What was recorded, and what arrived: one HTTP request, as its bytes were; and the corpus files that hold them.

A run is one visit of one tracker: `<run>.jsonl`, a line a request, in order. A body that is UTF-8 stands there as text, so
that a person can review it, any other as base64. A folder of single `NNN.json` files, as the capture harness writes them, is
read too. Nothing here looks into a body.
"""

from __future__ import annotations

import base64
import json
import sys
from dataclasses import dataclass
from pathlib import Path

CORPUS = Path(__file__).parent.parent / "corpus"

Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Request:
    """One request; `target` is path and query as sent, `headers` are in order, as spelled."""

    name: str
    method: str
    target: str
    headers: Headers
    body: bytes

    def header(self, name: str) -> str:
        """The first field of that name, or an empty string."""
        return next((v for k, v in self.headers if k.lower() == name), "")


def read_line(line: str) -> Request:
    entry = json.loads(line)
    body = entry["body"].encode() if "body" in entry else base64.b64decode(entry["body_b64"])
    headers = tuple((str(k), str(v)) for k, v in entry["headers"])
    return Request(entry["name"], entry["method"], entry["target"], headers, body)


def write_line(request: Request) -> str:
    entry: dict[str, object] = {
        "name": request.name,
        "method": request.method,
        "target": request.target,
        "headers": [list(pair) for pair in request.headers],
    }
    try:
        entry["body"] = request.body.decode()
    except UnicodeDecodeError:
        entry["body_b64"] = base64.b64encode(request.body).decode()
    return json.dumps(entry, ensure_ascii=False)


def read_capture(file: Path) -> Request:
    """One file of the capture harness."""
    entry = json.loads(file.read_text())
    headers = tuple((str(k), str(v)) for k, v in entry["headers"])
    return Request(file.stem, entry["method"], entry["path"], headers, base64.b64decode(entry["body_b64"]))


def load_run(corpus: Path, run: str) -> tuple[Request, ...]:
    """The requests of one run, in order; web socket frames are left out."""
    folder = corpus / run
    if folder.is_dir():
        found = (read_capture(file) for file in sorted(folder.glob("*.json")))
        return tuple(request for request in found if request.method != "WS")
    # str.splitlines would also split at U+2028, which JSON strings may hold
    lines = (corpus / f"{run}.jsonl").read_text().split("\n")
    return tuple(read_line(line) for line in lines if line)


def runs_of(corpus: Path) -> list[str]:
    """The names of all runs in a corpus."""
    folders = {entry.name for entry in corpus.iterdir() if entry.is_dir() and any(entry.glob("[0-9]*.json"))}
    return sorted(folders | {file.stem for file in corpus.glob("*.jsonl")})


def planted(corpus: Path) -> dict[str, str]:
    """The planted values by name; those of our own corpus where the folder has none."""
    file = corpus / "canaries.json"
    values = json.loads((file if file.is_file() else CORPUS / "canaries.json").read_text())
    return {str(k): str(v) for k, v in values.items()}


def main() -> None:
    """`python -m tests.judge.recorded FROM TO [RUN…]`: turns capture folders into corpus files."""
    source, target, *runs = sys.argv[1:]
    for run in runs or runs_of(Path(source)):
        lines = [write_line(request) for request in load_run(Path(source), run)]
        (Path(target) / f"{run}.jsonl").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
