"""Overview: whether the pipeline works, as one picture and a list of what needs attention."""

from __future__ import annotations

import time

import streamlit as st

from components import charts, formats, notices
from components.boxes import guarded
from components.freshness import freshness
from components.pipeline_picture import Mood, Node, Picture, picture_html
from pages import context
from provision import names
from services.attention import Readings
from services.attention import notices as find_notices
from services.errors import DashboardError
from services.pipe_logs import PipeTally
from services.pipeline import Pipeline
from services.pipes import Pipe
from services.topic_status import FeedState


def _pipe_node(flow: str, pipe: Pipe | None, done: PipeTally) -> Node:
    if pipe is None:
        return Node(flow, "unknown", "no answer from AWS", Mood.BAD)
    state = pipe.state.lower().replace("_", " ")
    count = f"{done.succeeded:,} delivered"
    if done.failed:
        count += f", {done.failed:,} failed"
    if done.holding:
        return Node(flow, "holding", count, Mood.WAIT)
    return Node(flow, state, count, Mood.GOOD if pipe.running else Mood.BAD)


def _picture(pipeline: Pipeline, readings: Readings) -> Picture:
    pipes = {pipe.flow: pipe for pipe in readings.pipes or ()}
    tallies = readings.tallies or {}
    flows = {
        flow: _pipe_node(flow, pipes.get(flow), tallies.get(names.pipe(flow), PipeTally())) for flow in names.FLOWS
    }
    return Picture(
        table=_table_node(pipeline),
        stream=Node("Stream", "new and old images", "kept for 24 h"),
        cache_put=flows[names.CACHE_PUT],
        topic_publish=flows[names.TOPIC_PUBLISH],
        cache_delete=flows[names.CACHE_DELETE],
        cache=_cache_node(pipeline),
        topic=_topic_node(readings),
        queue=_queue_node(readings),
    )


def _table_node(pipeline: Pipeline) -> Node:
    try:
        page = pipeline.records.get().value
    except DashboardError:
        return Node("DynamoDB table", "cannot be read", "", Mood.BAD)
    count = f"over {len(page.items):,} records" if page.more else formats.counted(len(page.items), "record")
    return Node("DynamoDB table", "active", count, Mood.GOOD)


def _cache_node(pipeline: Pipeline) -> Node:
    tally = pipeline.lookups.tally()
    count = f"{tally.hits:,} hits, {tally.misses:,} misses"
    try:
        latency = pipeline.cache_latency_ms.get().value
    except DashboardError:
        return Node("Momento cache", "cannot be read", count, Mood.BAD)
    return Node("Momento cache", f"answers in {formats.milliseconds(latency)}", count, Mood.GOOD)


def _topic_node(readings: Readings) -> Node:
    feed = readings.feed
    mood = Mood.GOOD if feed.state is FeedState.LIVE else Mood.BAD
    return Node("Momento topic", feed.state.value, f"{feed.received:,} events received", mood)


def _queue_node(readings: Readings) -> Node:
    if readings.depth is None:
        return Node("Dead-letter queue", "cannot be read", "", Mood.BAD)
    total = readings.depth.total
    if total:
        return Node("Dead-letter queue", "not empty", formats.counted(total, "message"), Mood.BAD)
    return Node("Dead-letter queue", "empty", "0 messages", Mood.GOOD)


@st.fragment(run_every=2)
def _live() -> None:
    with guarded():
        pipeline = context.pipeline()
        readings = context.readings(pipeline)
        st.html(picture_html(_picture(pipeline, readings)))
        st.caption(f"Deliveries and failures of the last {formats.age(context.LATELY_S)}, from the pipes' logs.")
        notices.show(
            find_notices(readings), "All pipes run, nothing failed lately, and the dead-letter queue is empty."
        )
        _numbers(pipeline, readings)
        freshness(pipeline.pipes, pipeline.log, pipeline.depth, pipeline.records, key="refresh_overview")
        st.subheader("Events per second")
        charts.events_per_second(context.recent_rates(pipeline.feed), context.viewer_zone(), key="overview_rates")
        st.caption(f"What the topic brought in the last {formats.age(context.RATE_WINDOW_S)}.")


def _numbers(pipeline: Pipeline, readings: Readings) -> None:
    known = readings.tallies is not None
    tallies = (readings.tallies or {}).values()
    tally = pipeline.lookups.tally()
    last = max((pipe.last_success_ms for pipe in tallies), default=0)
    depth = readings.depth
    with st.container(horizontal=True):
        st.metric("Delivered lately", _count(known, sum(pipe.succeeded for pipe in tallies)), border=True)
        st.metric("Failed lately", _count(known, sum(pipe.failed for pipe in tallies)), border=True)
        never = "none lately" if known else "–"
        st.metric("Last delivery", formats.ago(time.time() - last / 1000) if last else never, border=True)
        st.metric("Dead letters", "–" if depth is None else formats.number(depth.total), border=True)
        st.metric(
            "Cache hits", formats.number(tally.hits), border=True, help="Lookups of this dashboard since it started"
        )
        st.metric("Cache misses", formats.number(tally.misses), border=True)
        st.metric("DynamoDB reads", formats.number(tally.table_reads), border=True)


def _count(known: bool, number: int) -> str:
    return formats.number(number) if known else "–"


st.title("Overview")
_live()
