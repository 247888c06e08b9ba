"""The long work of the page Weather: comparing a file with the table, writing many records, deleting many.

A job goes on whatever the viewer does meanwhile; its id is in the session, and the page looks at it when it is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from components import formats
from components.boxes import error_box
from components.parts import part
from pages.frame import access, context
from pages.weather import outcome
from pages.weather.acts import attempt
from services.jobs.jobs import Control, Job, JobState, Progress
from services.tracking.batches import BatchJourney
from services.weather import csv_file, file_comparison
from services.weather.batch_audit import run_audited
from services.weather.batch_writes import BatchFailed, BatchReport
from services.weather.changes import Change
from services.weather.file_comparison import Comparison
from services.weather.table import WeatherRecord

#: Locations that each list of a report names.
_NAMED = 1_000

state = st.session_state

_BADGES: dict[JobState, tuple[str, Any]] = {
    JobState.RUNNING: ("running", "blue"),
    JobState.DONE: ("done", "green"),
    JobState.CANCELLED: ("cancelled", "orange"),
    JobState.FAILED: ("failed", "red"),
}


def start_comparing(records: Sequence[WeatherRecord]) -> None:
    """Begins to compare a file's records with the table. Raises DashboardError."""
    pages = context.pipeline().record_pages
    name = f"Comparing {formats.counted(len(records), 'record')} with the table"
    _remember(context.runtime().jobs.start(name, lambda control: file_comparison.compare(control, pages, records)))


def start_writing(act: str, who: str, name: str, changes: Sequence[Change]) -> None:
    """Begins to make changes, as an act of the audit log. Raises DashboardError."""
    pipeline = context.pipeline()

    def work(control: Control) -> BatchReport:
        # Followed from here on: a job that is refused has no rows to follow.
        journey = pipeline.batch_journeys.follow(changes)
        ways.append(journey)
        try:
            return run_audited(pipeline.batches, pipeline.audit, act, who, changes, control, journey.acknowledged)
        finally:
            journey.all_sent()

    ways: list[BatchJourney] = []
    _remember(context.runtime().jobs.start(name, work))
    state.weather_job_ways = ways


def _remember(job: Job[Any]) -> None:
    state.weather_job = job.id
    state.weather_job_seen = False
    state.pop("weather_job_ways", None)


def current() -> Job[Any] | None:
    """The job that this viewer started last, if it is still known."""
    job_id = state.get("weather_job")
    return context.runtime().jobs.get(job_id) if job_id else None


def comparison() -> Comparison | None:
    """What the last comparison found, if that is what the last job was."""
    job = current()
    found = job.result if job is not None else None
    return found if isinstance(found, Comparison) else None


def forget() -> None:
    """Shows the last job no longer. One that runs goes on."""
    state.pop("weather_job", None)
    state.pop("weather_job_ways", None)


def show() -> None:
    """How the last job stands, and what it did once it has ended."""
    job = current()
    if job is None:
        return
    with st.container(border=True, key="weather_job_box"):
        progress = job.progress
        if progress.running:
            _running(job)
            return
        _standing(job, progress)
        if not state.weather_job_seen:
            state.weather_job_seen = True
            state.weather_stale = True
            context.pipeline().record_count.forget()
        report = progress.error.report if isinstance(progress.error, BatchFailed) else job.result
        if isinstance(report, BatchReport):
            _report(report)
        for journey in state.get("weather_job_ways", ()):
            outcome.rows_of(journey)
        st.button("Close", key="weather_job_close", on_click=forget)


@part(run_every=0.5)
def _running(job: Job[Any]) -> None:
    progress = job.progress
    if not progress.running:
        # What comes of it changes more than this part of the page.
        st.rerun()
    _standing(job, progress)
    st.button("Cancel", key="weather_job_cancel", on_click=_cancel, args=(job,), icon=":material/stop:")


def _cancel(job: Job[Any]) -> None:
    def act() -> None:
        access.require_operator("Stopping a job")
        job.cancel()

    attempt(act)


def _standing(job: Job[Any], progress: Progress) -> None:
    word, colour = _BADGES[progress.state]
    with st.container(horizontal=True, vertical_alignment="center"):
        st.badge(word, color=colour)
        st.text(job.name)
    if progress.error is not None:
        error_box(progress.error.cause if isinstance(progress.error, BatchFailed) else progress.error)
    st.progress(progress.share)
    st.text(progress.words)


def _report(report: BatchReport) -> None:
    with st.container(horizontal=True):
        st.metric("Done", formats.number(len(report.written)), border=True)
        st.metric("Changed by somebody else", formats.number(len(report.conflicts)), border=True)
        st.metric("Not known", formats.number(len(report.unknown)), border=True)
        st.metric("Not done", formats.number(len(report.left)), border=True)
    st.caption(
        f"{formats.number(report.capacity_units)} write units: a transaction takes twice those of single writes."
    )
    if report.unknown:
        st.write(
            "Of the records that are not known the answer got lost. They were written all together or not at all; "
            "writing them again does no harm."
        )
    for title, changes in (
        ("Done", report.written),
        ("Changed by somebody else since they were read, and left alone", [one.change for one in report.conflicts]),
        ("Not known", report.unknown),
        ("Not done", report.left),
    ):
        if changes:
            with st.expander(f"{title}: {formats.counted(len(changes), 'record')}"):
                _names(changes)
    rest = [csv_file.row_of(change.record) for change in report.rest if change.record is not None]
    if rest:
        st.download_button(
            f"Download the {formats.counted(len(rest), 'record')} not written",
            csv_file.write(rest),
            "weather-records-rest.csv",
            "text/csv",
            icon=":material/download:",
            on_click="ignore",
        )


def _names(changes: Sequence[Change]) -> None:
    st.dataframe(
        pd.DataFrame({"Location": [change.location for change in changes[:_NAMED]]}),
        hide_index=True,
        height=200,
        alt="Locations",
    )
    if len(changes) > _NAMED:
        st.caption(f"The first {_NAMED:,}.")
