"""`gateway inspect` as a process, and mitmproxy's web interface as its own pages use it."""

from __future__ import annotations

import http.client
import json
import os
import re
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from urllib.parse import urlsplit

START_SECONDS = 90.0
PROOF = "0123456789abcdef" * 2  # what Tornado compares with itself against cross-site requests


class Inspecting:
    """One that is ready. `lines` is all that it says."""

    def __init__(self, process):
        self.process = process
        self.lines = []

    def line(self, pattern):
        return next(match for match in (re.search(pattern, line) for line in self.lines) if match)

    def web(self, path, method="GET", body=None):
        """A call of the web interface: its status and JSON, or its bytes."""
        url = urlsplit(self.line(r"web interface (\S+)")[1])
        headers = {"Authorization": f"Bearer {url.query.partition('=')[2]}"}
        if method != "GET":
            headers |= {"Cookie": f"_mitmproxy_xsrf={PROOF}", "X-XSRFToken": PROOF, "Content-Type": "application/json"}
        connection = http.client.HTTPConnection(url.netloc, timeout=30)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = connection.getresponse()
            data = answer.read()
        finally:
            connection.close()
        is_json = "json" in (answer.getheader("Content-Type") or "")
        return answer.status, json.loads(data) if is_json else data

    def flows(self):
        return self.web("/flows")[1]

    def picture(self, flow):
        """What the content view shows of a request."""
        return self.web(f"/flows/{flow['id']}/request/content/Before%20and%20after.json")[1]["text"]


@contextmanager
def inspecting(folder, *options):
    """Starts it with `folder`/gateway.yaml, waits until it is ready, and ends it."""
    command = [sys.executable, "-m", "gateway", "inspect", "--config", str(folder / "gateway.yaml"), *options]
    environment = {**os.environ, "HOME": str(folder)}
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=environment)
    made = Inspecting(process)
    ready = threading.Event()

    def listen():
        for line in process.stderr:
            made.lines.append(line.rstrip("\n"))
            if line == "ready\n":
                ready.set()
        ready.set()

    reader = threading.Thread(target=listen)
    reader.start()
    try:
        assert ready.wait(START_SECONDS), made.lines
        assert process.poll() is None, made.lines
        yield made
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        reader.join()
        process.stderr.close()


def until(holds, what):
    """Returns what `holds()` gives once it is true; fails after 20 seconds."""
    end = time.monotonic() + 20
    while not (found := holds()):
        assert time.monotonic() < end, what
        time.sleep(0.05)
    return found
