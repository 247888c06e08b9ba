"""Keeps Python's garbage collector away from what the sandbox holds.

A full collection looks at every object: with 100,000 records it holds the event loop for 2 s, and finds next to
nothing, since what the emulator holds has no cycles and goes when it is deleted. So what has grown old is set aside
again and again; the young are collected as ever.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from contextlib import contextmanager

#: Often enough for few new objects to be looked at, seldom enough for few cycles to be alive at that moment.
_EACH_S = 5.0


@contextmanager
def none_while_loading() -> Iterator[None]:
    """No collection inside of the block, which makes many objects that all stay."""
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


async def set_aside_what_is_old() -> None:
    """Goes on until it is cancelled. A cycle that was set aside and ends later is never freed: those are few."""
    while True:
        gc.freeze()
        await asyncio.sleep(_EACH_S)
