"""Dead letters, the work on them: how far it is, for all viewers, and what came of the last piece."""

from __future__ import annotations

import streamlit as st

from components import formats, job_progress
from components.boxes import guarded
from pages.dead_letters import tables
from pages.frame import access, context
from services.app.pipeline import Pipeline
from services.dead_letters.export import results_csv, results_json_lines
from services.dead_letters.repair_jobs import Work
from services.dead_letters.results import KEPT, Fate, Report

#: Results that the page lists; the downloads have all.
LISTED = 500
#: What nobody was told of before; messages without a key are in the plan.
_FAILURES = (Fate.FAILED, Fate.NOT_SEEN)


def show(pipeline: Pipeline) -> None:
    """The work that goes on, or the last one that ended in this process."""
    work = pipeline.letter_works.last
    if work is None:
        return
    running = work.job.progress.running
    with st.container(border=True, key="letters_work"):
        st.subheader("Work that goes on" if running else "The last work")
        started = formats.moment(work.job.progress.started_at, context.viewer_zone())
        st.text(
            f"{work.order.act}: {formats.counted(len(work.order.letters), 'message')}, "
            f"by {work.order.who} since {started}.\nReason: {work.order.why}"
        )
        job_progress.show(work.job.progress, _stop if access.is_operator() else None, key="letters_work")
        if running:
            st.caption("The list below is as it was before: the messages are held while somebody works on them.")
        elif work.job.result is not None:
            _report(work, work.job.result)


def _stop() -> None:
    with guarded():
        what = "Stopping the work on dead letters"
        someone, pipeline = access.require_operator(what), context.pipeline()
        work = pipeline.letter_works.running
        if work is not None:
            # It stops whether or not the audit log can be written.
            work.job.cancel()
            with pipeline.audit.acting(what, someone.name, "", stopped=work.order.act, begun_by=work.order.who):
                pass


def _report(work: Work, report: Report) -> None:
    with st.container(horizontal=True):
        for fate in Fate:
            if report.count(fate):
                st.metric(fate.value.capitalize(), formats.number(report.count(fate)), border=True)
    not_reached = len(work.order.letters) - len(report.results)
    if report.stopped:
        st.text(
            f"Stopped: {report.stopped}\n{formats.counted(not_reached, 'message')} not reached; they are as before."
        )
    st.text(report.rest_words())
    ordered = sorted(report.results, key=lambda result: result.fate not in KEPT)
    with st.expander("What became of each message", expanded=any(each.fate in _FAILURES for each in ordered)):
        tables.results(ordered[:LISTED])
        if len(ordered) > LISTED:
            st.caption(f"The first {LISTED:,} of {len(ordered):,}, failures first; the downloads have all.")
    with st.container(horizontal=True):
        st.download_button(
            "Results as JSON lines",
            lambda: results_json_lines(ordered),
            file_name="dead-letter-results.jsonl",
            mime="application/x-ndjson",
            key="letters_results_jsonl",
            icon=":material/download:",
            on_click="ignore",
        )
        st.download_button(
            "Results as CSV",
            lambda: results_csv(ordered),
            file_name="dead-letter-results.csv",
            mime="text/csv",
            key="letters_results_csv",
            icon=":material/download:",
            on_click="ignore",
        )
