"""Traces of the process: it starts whole or not at all, lets what is under way end, and says so by its exit code."""

import asyncio
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

PROGRAM = """
import asyncio, sys
sys.path[:0] = {path!r}
import uvloop
from gateway.core.errors import UserError
from gateway.core.masked import seal
from gateway.core.message import Outbound
from gateway.core.outcome import Send
from gateway.core.report import Report
from gateway.proxy.routes import Plan, Route
from gateway.proxy.server import Gateway, Listening, serve

class Pass:
    def mask(self, inbound):
        return Send(seal(Outbound(inbound.method, inbound.target, inbound.headers, inbound.body), "0"), Report())

def plan():
    return Plan(masker=Pass(), routes=(Route(name="t", upstream=sys.argv[2]),))

async def main():
    gateway = Gateway(Listening(("127.0.0.1", int(sys.argv[1]))), plan(), emit=lambda *a, **k: None)
    say = lambda text: print(text, flush=True)
    await serve(gateway, load=plan, watched=list, ready=lambda: say(gateway.address[1]), reloaded=lambda: say("reloaded"),
        complain=say, tell=lambda counts: say(counts.flush()))

try:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(main())
except UserError as error:
    print(error)
    sys.exit(2)
"""


@pytest.fixture
def start():
    processes: list[subprocess.Popen[str]] = []

    def run(upstream: str, port: int = 0):
        root = str(Path(__file__).parents[2])
        program = PROGRAM.replace("{path!r}", repr([root]))
        process = subprocess.Popen(
            [sys.executable, "-c", program, str(port), upstream], stdout=subprocess.PIPE, text=True
        )
        processes.append(process)
        return process

    yield run
    for process in processes:
        process.kill()
        process.wait(10)
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_under_way_ends_before_the_process_does(start, backend, number):
    arrived, go_on = threading.Event(), threading.Event()

    def script(connection: socket.socket) -> None:
        arrived.set()
        assert go_on.wait(10)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate")

    backend.script = script
    process = start(backend.url)
    port = int(process.stdout.readline())
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"GET /e HTTP/1.1\r\nHost: x\r\n\r\n")
        assert arrived.wait(10)
        process.send_signal(number)
        while True:  # until it has stopped accepting
            try:
                socket.create_connection(("127.0.0.1", port), timeout=10).close()
            except ConnectionRefusedError:
                break
            except ConnectionResetError:  # was in the queue as it closed
                continue
        go_on.set()
        got = b""
        while piece := client.recv(65536):
            got += piece
    assert got.startswith(b"HTTP/1.1 200 OK\r\n")
    assert got.endswith(b"late")
    assert process.wait(10) == 0
    assert "FORWARDED" in process.stdout.read()


def test_a_connection_with_nothing_under_way_does_not_hold_up_the_end(stage):
    stage.start()
    with stage.connect() as client, client.makefile("rb") as reader:
        client.sendall(b"GET /t/e HTTP/1.1\r\nHost: x\r\n\r\n")
        assert stage.read(reader).startswith(b"HTTP/1.1 200 OK\r\n")
        ended = asyncio.run_coroutine_threadsafe(stage.gateway.stop(3600), stage._loop)
        assert reader.read() == b""
        ended.result(30)


def test_sighup_reloads(start, backend):
    process = start(backend.url)
    assert process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    assert process.stdout.readline() == "reloaded\n"


def test_a_busy_address_is_one_line_and_exit_code_2(start, backend):
    process = start(backend.url, backend.port)
    assert process.wait(30) == 2
    assert (
        process.stdout.read() == f"address 127.0.0.1:{backend.port} is in use: stop what uses it, or change `listen`\n"
    )
