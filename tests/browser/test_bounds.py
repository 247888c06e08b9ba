"""A dashboard with few file descriptors, as on macOS: page loads, floods and oversized bodies do not end it."""

from __future__ import annotations

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import pytest
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

from bench.stack import ROOT, child_environment, end
from pages.frame.bounds import LARGEST_FRAME, MOST_UPLOADS, SPARE
from sandbox.state import SandboxState
from tests.browser.conftest import free_port
from tests.conftest import wait_until
from tests.support.dashboards import Dashboard
from tests.support.raw_viewers import raw_viewers

#: Fewer than macOS's 256, so that fewer loads tell a leak.
LIMIT = 160
LOADS, AT_ONCE = 60, 3


@pytest.fixture(scope="module")
def narrow(
    sandbox_stack: SandboxState, sandbox_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Dashboard]:
    """A dashboard whose hard limit is LIMIT, so that nothing can be raised."""
    port = free_port()
    log = tmp_path_factory.mktemp("narrow") / "output.log"
    serve = [sys.executable, "-m", "streamlit", "run", "dashboard.py", "--server.headless=true"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["sh", "-c", f'ulimit -n {LIMIT} && exec "$@"', "sh", *serve, f"--server.port={port}"],
            cwd=ROOT,
            env=child_environment(sandbox_dir),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    dashboard = Dashboard(process, f"http://127.0.0.1:{port}", sandbox_dir, log)
    try:
        dashboard.until_healthy()
        yield dashboard
    finally:
        end(process)


def descriptors(dashboard: Dashboard) -> int:
    return len(list(Path(f"/proc/{dashboard.process.pid}/fd").iterdir()))


async def get(url: str) -> tuple[int, str]:
    async with aiohttp.request("GET", url) as answer:
        return answer.status, await answer.text()


async def test_page_loads_leave_no_descriptors_behind(narrow: Dashboard) -> None:
    async with raw_viewers(narrow.url, ["lookup"]):
        pass
    before = descriptors(narrow)

    for _ in range(LOADS // AT_ONCE):
        async with raw_viewers(narrow.url, ["lookup"] * AT_ONCE):
            pass

    # What an ended session has is kept for a while, for a tenth of the sessions at most.
    assert descriptors(narrow) <= before + 3 * LIMIT // 16 + 10
    assert await get(f"{narrow.url}/_stcore/health") == (200, "ok")


async def test_a_full_dashboard_says_so_and_takes_viewers_again(narrow: Dashboard) -> None:
    address = f"{narrow.url}/_stcore/stream"
    async with aiohttp.ClientSession(headers={"Origin": narrow.url}) as session:
        sockets = []
        refused = 0
        while not refused:
            try:
                sockets.append(await session.ws_connect(address, protocols=("streamlit",)))
            except aiohttp.WSServerHandshakeError as error:
                refused = error.status
        assert refused == 503
        assert len(sockets) >= 8
        assert LIMIT - descriptors(narrow) >= SPARE // 2

        for path in ("/_stcore/health", "/live/updates"):
            status, words = await get(narrow.url + path)
            assert status == 503
            assert f"its limit is {LIMIT}" in words
        # Its page is still served: a browser shows the status there, and connects by itself once there is room.
        assert (await get(narrow.url))[0] == 200

        for socket in sockets:
            await socket.close()
    async with asyncio.timeout(30):
        while (await get(f"{narrow.url}/_stcore/health"))[0] != 200:
            await asyncio.sleep(0.1)


async def test_connections_that_say_nothing_do_not_keep_viewers_out(narrow: Dashboard) -> None:
    port = int(narrow.url.rpartition(":")[2])
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2 * LIMIT)]
    try:
        async with asyncio.timeout(30):
            first = await silent[0][0].readline()
            assert first == b"" or first.split()[1] == b"408"
            while True:
                try:
                    if (await get(f"{narrow.url}/_stcore/health"))[0] == 200:
                        break
                except aiohttp.ClientError:
                    pass
                await asyncio.sleep(0.2)
    finally:
        for _, writer in silent:
            writer.close()


@pytest.mark.parametrize("path", ["/_stcore/upload_file/made-up/1", "/live/updates", "/anything"])
@pytest.mark.parametrize("declared", [True, False])
async def test_a_body_that_is_too_long_or_endless_is_not_read(narrow: Dashboard, path: str, declared: bool) -> None:
    port = int(narrow.url.rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    length = f"Content-Length: {10**12}" if declared else "Transfer-Encoding: chunked"
    writer.write(f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nOrigin: {narrow.url}\r\n{length}\r\n\r\n".encode())

    async def flood() -> int:
        sent = 0
        try:
            while True:
                writer.write(b"10000\r\n" + bytes(65_536) + b"\r\n")
                await writer.drain()
                sent += 65_536
        except (ConnectionError, RuntimeError):
            return sent

    sending = asyncio.create_task(flood())
    async with asyncio.timeout(10):
        status = int((await reader.readline()).split()[1])
        # It is the server that ends the connection.
        await sending
    writer.close()
    assert status in ((413,) if declared else (400, 403, 404, 405, 413))


async def test_a_frame_that_is_too_long_ends_its_connection_alone(narrow: Dashboard) -> None:
    wait_until(narrow._healthy, 30, "room for a viewer")
    async with aiohttp.ClientSession(headers={"Origin": narrow.url}) as session:
        socket = await session.ws_connect(f"{narrow.url}/_stcore/stream", protocols=("streamlit",))
        # It is cut off by its length, before it was sent whole.
        with contextlib.suppress(ConnectionError):
            await socket.send_bytes(bytes(10 * LARGEST_FRAME))
        await asyncio.wait_for(socket.receive(), 10)
    assert socket.closed
    assert await get(f"{narrow.url}/_stcore/health") == (200, "ok")


async def test_uploaded_files_that_no_page_asked_for_are_bounded(narrow: Dashboard) -> None:
    wait_until(narrow._healthy, 30, "room for a viewer")
    async with aiohttp.ClientSession(
        headers={"Origin": narrow.url}, cookie_jar=aiohttp.CookieJar(unsafe=True)
    ) as session:
        socket = await session.ws_connect(f"{narrow.url}/_stcore/stream", protocols=("streamlit",))
        ask = BackMsg()
        ask.rerun_script.page_name = "lookup"
        await socket.send_bytes(ask.SerializeToString())
        name = ForwardMsg.FromString(await socket.receive_bytes(timeout=30)).new_session.initialize.session_id
        async with session.get(f"{narrow.url}/_stcore/health") as answer:
            token = answer.cookies["_streamlit_xsrf"].value

        async def upload(number: int) -> int:
            form = aiohttp.FormData()
            form.add_field("file", b"x", filename="x.csv")
            address = f"{narrow.url}/_stcore/upload_file/{name}/{number}"
            async with session.put(address, data=form, headers={"X-Xsrftoken": token}) as answer:
                return answer.status

        assert [await upload(number) for number in range(MOST_UPLOADS + 1)] == [204] * MOST_UPLOADS + [429]
        async with session.delete(
            f"{narrow.url}/_stcore/upload_file/{name}/0", headers={"X-Xsrftoken": token}
        ) as answer:
            assert answer.status == 204
        assert await upload(0) == 204
