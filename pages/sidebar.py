"""The sidebar of every page: which target this is, where it is, and whether it answers."""

from __future__ import annotations

from typing import Literal

import pandas as pd
import streamlit as st

from components import formats
from pages import access
from provision import names
from services.access import Role
from services.api_calls import lately
from services.config import Target
from services.errors import DashboardError, SandboxNotRunning
from services.pipeline import Pipeline
from services.runtime import Runtime
from services.topic_status import FeedState

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
        st.caption(f"{someone.reason.capitalize()}.")
    if access.signed_in():
        st.text(someone.name)
        st.button("Sign out", on_click=st.logout)
    elif access.sign_in_offered():
        st.button("Sign in", on_click=st.login)


def target_badge(runtime: Runtime) -> None:
    """Which of the two targets this is."""
    if runtime.target is Target.SANDBOX:
        st.badge("Target: sandbox", icon=":material/science:", color="violet")
    else:
        st.badge("Target: AWS", icon=":material/cloud:", color="orange")


@st.fragment(run_every=3)
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
    _aws(pipeline)
    _momento(pipeline)
    _feed(pipeline)
    _queue(pipeline)
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


def _no_sandbox(runtime: Runtime, error: SandboxNotRunning) -> None:
    if runtime.sandbox.starting:
        st.badge("Sandbox: starting", icon=":material/hourglass:", color="orange")
        return
    st.badge("Sandbox: not running", icon=":material/error:", color="red")
    st.text(error.what)
    st.button("Start it again", on_click=runtime.start)


def _aws(pipeline: Pipeline) -> None:
    try:
        pipes = pipeline.pipes.get().value
    except DashboardError:
        st.badge(f"AWS {pipeline.access.region}: not answering", icon=":material/error:", color="red")
        return
    running = sum(pipe.running for pipe in pipes)
    colour: Literal["green", "red"] = "green" if running == len(pipes) else "red"
    st.badge(f"AWS {pipeline.access.region}: connected", icon=":material/check:", color="green")
    st.badge(f"Pipes: {running} of {len(pipes)} running", icon=":material/valve:", color=colour)


def _momento(pipeline: Pipeline) -> None:
    try:
        latency = pipeline.cache_latency_ms.get().value
    except DashboardError:
        st.badge("Momento: not usable", icon=":material/error:", color="red")
        return
    st.badge(f"Momento: connected, {formats.milliseconds(latency)}", icon=":material/check:", color="green")


def _feed(pipeline: Pipeline) -> None:
    status = pipeline.feed.status()
    colour = _FEED_COLOURS.get(status.state, "red")
    st.badge(f"Topic: {status.state.value}", icon=":material/sensors:", color=colour)


def _queue(pipeline: Pipeline) -> None:
    try:
        depth = pipeline.depth.get().value
    except DashboardError:
        return
    if depth.total:
        st.page_link(
            "dead_letters.py",
            label=f":red[**{formats.counted(depth.total, 'dead letter')}**]",
            icon=":material/warning:",
            help="Messages wait in the dead-letter queue",
        )
