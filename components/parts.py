"""Parts of a page: each draws itself anew on its own beat, waits for a bounded time, and fails as a box in place."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import streamlit as st

from components.boxes import guarded

P = ParamSpec("P")


def part(*, run_every: float | None = None) -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Makes a fragment of a function that draws, run again each `run_every` seconds, or only by its own widgets."""

    def made(draw: Callable[P, None]) -> Callable[P, None]:
        @wraps(draw)
        def drawn(*args: P.args, **kwargs: P.kwargs) -> None:
            with guarded():
                draw(*args, **kwargs)

        fragment: Callable[P, None] = st.fragment(drawn, run_every=run_every)
        return fragment

    return made
