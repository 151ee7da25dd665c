"""The toxics do to a connection what they are called, and nothing else."""

import asyncio
import contextlib

import pytest

from tests.faults.toxic import Bandwidth, Break, Corrupt, Latency, Proxy, Slicer, SlowClose, Timeout, Toxic

SAID = bytes(range(256)) * 40


async def echo(reader, writer):
    with contextlib.suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()
    writer.close()


async def spoken(proxy, expected=10240):
    """What comes back of what is said: bytes, and how it ended."""
    reader, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
    back = b""
    try:
        writer.write(SAID)
        while len(back) < expected:
            piece = await reader.read(65536)
            if not piece:
                return back, "closed"
            back += piece
        writer.write_eof()
        back += await reader.read()
    except OSError:
        return back, "reset"
    finally:
        writer.transport.abort()
    return back, "ended"


def through(to_target=None, to_client=None, **more):
    """One conversation with an echo behind a proxy with these toxics."""

    async def talk():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        proxy = Proxy(server.sockets[0].getsockname()[1])
        proxy.poison(to_target, to_client)
        await proxy.open()
        try:
            return await spoken(proxy, **more)
        finally:
            await proxy.close()
            server.close()

    return asyncio.run(asyncio.wait_for(talk(), 30))


@pytest.mark.parametrize(
    "toxic",
    [Toxic(), Latency(0.01), Latency(0.0, 0.02), Slicer(700), Bandwidth(200_000), SlowClose(0.05)],
    ids=lambda toxic: type(toxic).__name__,
)
@pytest.mark.parametrize("direction", ["to_target", "to_client"])
def test_a_toxic_that_only_takes_time_keeps_every_byte(toxic, direction):
    assert through(**{direction: toxic}) == (SAID, "ended")
    assert bool(toxic.acted) == (type(toxic) is not Toxic)


@pytest.mark.parametrize(("reset", "end"), [(True, "reset"), (False, "closed")])
def test_a_break_lets_so_many_bytes_through(reset, end):
    toxic = Break(1000, reset=reset)
    back, how = through(None, toxic)
    assert how == end
    assert SAID.startswith(back)
    assert len(back) == 1000 or reset  # a reset may overtake what is under way
    assert toxic.acted == 1


def test_flipped_bits_are_where_they_should_be():
    toxic = Corrupt(1000)
    back, how = through(toxic)
    assert how == "ended"
    assert [at for at, (was, byte) in enumerate(zip(SAID, back, strict=True)) if was != byte] == list(
        range(0, len(SAID), 1000)
    )
    assert toxic.acted == len(range(0, len(SAID), 1000))


def test_what_is_swallowed_is_let_go_with_the_toxic():
    async def talk():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        proxy, toxic = Proxy(server.sockets[0].getsockname()[1]), Timeout()
        proxy.poison(toxic)
        await proxy.open()
        waiting = asyncio.create_task(spoken(proxy))
        while not toxic.acted:
            await asyncio.sleep(0.01)
        assert not waiting.done()
        proxy.poison()
        assert await waiting == (b"", "reset")
        assert await spoken(proxy) == (SAID, "ended")
        (cut, whole) = proxy.links.values()
        assert (cut.cut, whole.cut) == (True, False)
        await proxy.close()
        server.close()

    asyncio.run(asyncio.wait_for(talk(), 30))


def test_a_shut_proxy_refuses_and_comes_back_on_its_port():
    async def talk():
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        proxy = Proxy(server.sockets[0].getsockname()[1])
        for _ in range(3):
            with pytest.raises(ConnectionRefusedError):
                await asyncio.open_connection("127.0.0.1", proxy.port)
            await proxy.open()
            assert await spoken(proxy) == (SAID, "ended")
            await proxy.shut()
        await proxy.close()
        server.close()

    asyncio.run(asyncio.wait_for(talk(), 30))
