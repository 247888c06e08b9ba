"""The sidebar of every page: which target this is, where it is, and whether it answers."""

from __future__ import annotations

import time
from typing import Literal

import pandas as pd
import streamlit as st

from components import formats
from components.parts import part
from core import names, patience
from core.api_calls import lately
from core.config import Target
from core.errors import DashboardError, SandboxNotRunning
from pages.frame import access, start
from services.app.access import Role
from services.app.pipeline import Pipeline
from services.app.runtime import Runtime
from services.jobs.cached_read import NotYet
from services.topic.subscription_state import FeedState

#: Seconds that the sidebar waits for what it shows, in all.
BLINK_S = 0.2
_FEED_COLOURS: dict[FeedState, Literal["green", "orange", "red"]] = {
    FeedState.LIVE: "green",
    FeedState.CONNECTING: "orange",
}


def show(runtime: Runtime) -> None:
    """Draws it, and keeps it fresh."""
    with st.sidebar:
        target_badge(runtime)
        if names.chosen().prefix:
            st.text(f"Stack {names.chosen().stack}")
        _person()
        _state(runtime)


def _person() -> None:
    """Who the dashboard takes the viewer for, when that is less than an operator, and the way to sign in or out."""
    someone = access.person()
    if someone.role is Role.VIEWER:
        st.badge("Read-only", icon=":material/lock:", color="orange")
        st.caption(f"{someone.reason[:1].upper()}{someone.reason[1:]}.")
    if access.signed_in():
        st.text(someone.name)
        if someone.role is Role.VIEWER and st.user.get("sub"):
            # What to write into OPERATORS where the provider verifies no addresses.
            st.text(f"sub:{st.user['sub']}")
        st.button("Sign out", on_click=st.logout)
    elif access.sign_in_offered():
        st.button("Sign in", on_click=st.login)


def target_badge(runtime: Runtime) -> None:
    """Which of the two targets this is."""
    if runtime.target is Target.SANDBOX:
        st.badge("Target: sandbox", icon=":material/science:", color="violet")
    else:
        st.badge("Target: AWS", icon=":material/cloud:", color="orange")


@part(run_every=3)
def _state(runtime: Runtime) -> None:
    try:
        pipeline = runtime.pipeline()
    except SandboxNotRunning as error:
        _no_sandbox(runtime, error)
        return
    except DashboardError:
        # The page says why.
        st.badge("AWS: not usable", icon=":material/error:", color="red")
        return
    # It is drawn before the page, which must not wait for it; what is late comes with the next run.
    with patience.within(BLINK_S):
        _aws(pipeline)
        _momento(pipeline)
        _feed(pipeline)
        _queue(pipeline)
    _loops(pipeline)
    _calls(pipeline)
    with st.expander("Endpoints", expanded=True):
        st.text(f"Region {pipeline.access.region}")
        st.text(f"AWS\n{pipeline.aws_endpoint}")
        st.text(f"Momento gRPC\n{pipeline.momento_address.label}")
        st.text(f"Momento HTTP\n{pipeline.momento_address.http_endpoint}")


def _calls(pipeline: Pipeline) -> None:
    """What looking costs: the AWS calls of all viewers together."""
    counts = pipeline.api_calls
    st.text(f"AWS calls: {lately(counts):,} a minute")
    # With the number in its label it would close whenever that changes.
    shown = st.expander("AWS calls by operation", key="api_calls_shown", on_change="rerun")
    if not shown.open:
        return
    with shown:
        st.dataframe(
            pd.DataFrame(
                {
                    "Operation": [f"{count.service}: {count.operation}" for count in counts],
                    "Last minute": [count.lately for count in counts],
                    "Since start": [count.total for count in counts],
                }
            ),
            hide_index=True,
            key="api_calls",
            alt="Calls to AWS by operation",
        )
        st.caption("For all viewers together: reads are shared, so more viewers make no more of them.")


def _loops(pipeline: Pipeline) -> None:
    """The loops in the background that did not succeed for longer than they should."""
    now = time.time()
    for loop in pipeline.loops:
        late_s = loop.late_s(now)
        if late_s is not None:
            words = f"{loop.name.capitalize()}: no read for {formats.age(late_s)}"
            st.badge(words, icon=":material/history:", color="orange")


def _no_sandbox(runtime: Runtime, error: SandboxNotRunning) -> None:
    if runtime.sandbox.starting:
        st.badge("Sandbox: starting", icon=":material/hourglass:", color="orange")
        return
    st.badge("Sandbox: not running", icon=":material/error:", color="red")
    st.text(error.what)
    start.button("Start it again", runtime)


def _aws(pipeline: Pipeline) -> None:
    place = f"AWS {pipeline.access.region}"
    try:
        known = pipeline.pipes.last()
    except DashboardError as error:
        _no_answer(place, "not answering", error)
        return
    pipes = known.value
    running = sum(pipe.running for pipe in pipes)
    if known.error is not None:
        _no_answer(place, "not answering", known.error)
        age = formats.ago(time.time() - known.read_at)
        st.badge(f"Pipes: {running} of {len(pipes)} running {age}", icon=":material/valve:", color="gray")
        return
    colour: Literal["green", "red"] = "green" if running == len(pipes) else "red"
    st.badge(f"{place}: connected", icon=":material/check:", color="green")
    st.badge(f"Pipes: {running} of {len(pipes)} running", icon=":material/valve:", color=colour)


def _no_answer(place: str, words: str, error: DashboardError) -> None:
    if isinstance(error, NotYet):
        st.badge(f"{place}: no answer yet", icon=":material/hourglass:", color="orange")
    else:
        st.badge(f"{place}: {words}", icon=":material/error:", color="red")


def _momento(pipeline: Pipeline) -> None:
    try:
        latency = pipeline.cache_latency_ms.get().value
    except DashboardError as error:
        _no_answer("Momento", "not usable", error)
        return
    st.badge(f"Momento: connected, {formats.milliseconds(latency)}", icon=":material/check:", color="green")


def _feed(pipeline: Pipeline) -> None:
    status = pipeline.feed.status()
    colour = _FEED_COLOURS.get(status.state, "red")
    st.badge(f"Topic: {status.state.value}", icon=":material/sensors:", color=colour)


def _queue(pipeline: Pipeline) -> None:
    try:
        known = pipeline.depth.last()
    except DashboardError:
        return
    depth = known.value
    age = "" if known.error is None else f" {formats.ago(time.time() - known.read_at)}"
    if depth.total:
        st.page_link(
            "dead_letters/page.py",
            label=f":red[**{formats.counted(depth.total, 'dead letter')}{age}**]",
            icon=":material/warning:",
            help="Messages wait in the dead-letter queue",
        )
