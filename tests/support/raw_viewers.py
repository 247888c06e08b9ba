"""Viewers without a browser: each runs a page once, and then its refreshing parts at their intervals."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import aiohttp
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg


class RawViewer:
    """One websocket session of the dashboard at `url`, on the page of this path."""

    def __init__(self, url: str, path: str) -> None:
        self._address = f"{url.replace('http', 'ws', 1)}/_stcore/stream"
        self._origin = "/".join(url.split("/")[:3])
        self._path = path
        self._page_hash = ""
        self._parts: dict[str, float] = {}
        #: Set once the page has run for the first time.
        self.looking = asyncio.Event()

    async def watch(self, session: aiohttp.ClientSession, shift: float) -> None:
        """Looks until it is cancelled; `shift` (0 to 1) is by how much of an interval it is behind other viewers."""
        loop = asyncio.get_running_loop()
        async with session.ws_connect(
            self._address, protocols=("streamlit",), max_msg_size=0, origin=self._origin
        ) as socket:
            ask = BackMsg()
            ask.rerun_script.page_name = self._path
            await self._run(socket, ask)
            assert self._parts, f"page {self._path!r} has no part that refreshes"
            self.looking.set()
            due = {part: loop.time() + interval * (1 + shift) for part, interval in self._parts.items()}
            while True:
                part = min(due, key=due.__getitem__)
                await asyncio.sleep(max(0.0, due[part] - loop.time()))
                due[part] += self._parts[part]
                ask = BackMsg()
                ask.rerun_script.fragment_id = part
                ask.rerun_script.is_auto_rerun = True
                ask.rerun_script.page_script_hash = self._page_hash
                await self._run(socket, ask)

    async def _run(self, socket: aiohttp.ClientWebSocketResponse, ask: BackMsg) -> None:
        """Sends, and reads until the run has ended."""
        await socket.send_bytes(ask.SerializeToString())
        while True:
            message = ForwardMsg.FromString(await socket.receive_bytes(timeout=60))
            kind = message.WhichOneof("type")
            if kind == "new_session" and message.new_session.page_script_hash:
                self._page_hash = message.new_session.page_script_hash
            elif kind == "auto_rerun":
                self._parts[message.auto_rerun.fragment_id] = message.auto_rerun.interval
            elif kind == "script_finished" and message.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return


@asynccontextmanager
async def raw_viewers(url: str, paths: Sequence[str]) -> AsyncIterator[None]:
    """One viewer per path, all of them looking, spread evenly over the intervals. Raises what any of them raised."""
    async with aiohttp.ClientSession() as session:
        viewers = [RawViewer(url, path) for path in paths]
        watching = [
            asyncio.create_task(viewer.watch(session, number / len(viewers))) for number, viewer in enumerate(viewers)
        ]
        try:
            await asyncio.wait_for(asyncio.gather(*(viewer.looking.wait() for viewer in viewers)), 60)
            yield
            for task in watching:
                if task.done():
                    task.result()
        finally:
            for task in watching:
                task.cancel()
            await asyncio.gather(*watching, return_exceptions=True)
