"""Lookup, agreement: the whole table or a sample of it held against the cache, and made right."""

from __future__ import annotations

import time
from collections import Counter

import pandas as pd
import streamlit as st

from components import formats, job_progress
from components.boxes import error_box, guarded
from components.parts import part
from core.errors import DashboardError
from pages.frame import access, context
from services.app.pipeline import Pipeline
from services.cache.agreement import Standing
from services.cache.reconcile import Outcome, Reconciled
from services.lookup.check_csv import cache_text, findings_csv, table_text
from services.lookup.table_check import MOST_FINDINGS, CheckResult, Finding, Plan, make_right_audited, plan

state = st.session_state

#: Findings that the page lists; the download has all.
LISTED = 1_000
#: What "make them right" takes on. What has expired is as it should be.
_WRONG = (Standing.STALE, Standing.MISSING, Standing.ORPHANED, Standing.DEAD_LETTERED)
_MEANING = {
    Standing.EQUAL: "the cache says what the table says",
    Standing.EXPIRED: "not in the cache: the TTL ran out, surely or probably",
    Standing.IN_FLIGHT: "they differ, and a change is on its way",
    Standing.STALE: "the cache has other values",
    Standing.MISSING: "should be in the cache, and is not",
    Standing.ORPHANED: "in the cache, and not in the table",
    Standing.DEAD_LETTERED: "they differ, and the delivery is in the dead-letter queue",
    Standing.NEVER_CACHED: "the TTL is none that Momento takes",
}
_EXPLAINED = (
    "Reads the table page by page and each key from the cache. A difference is looked at again after 2 s before it "
    "counts, so that a record on its way is not accused. Momento cannot list keys: keys that only the cache has are "
    "looked for among those that the topic, the pipes' log or a lookup named."
)


def show() -> None:
    """The tab."""
    st.write(_EXPLAINED)
    if access.is_operator():
        _form()
    else:
        st.info("Starting a check is for operators; its result is here for everybody.")
    if "agreement_error" in state:
        error_box(state.agreement_error)
    with guarded():
        pipeline = context.pipeline()
        running = pipeline.check_job.running or pipeline.repair_job.running
        # Only a running job is looked at again and again.
        part(run_every=1 if running else None)(_progress)()
    if "agreement_to_repair" in state:
        _confirm(state.agreement_to_repair)


def _form() -> None:
    with st.container(horizontal=True, vertical_alignment="bottom"):
        state.setdefault("agreement_sample", 1_000)
        st.number_input(
            "Records of the sample, about", min_value=10, max_value=100_000, step=100, key="agreement_sample"
        )
        st.button("Check a sample", key="agreement_go_sample", on_click=_start, args=(True,))
        st.button("Check the whole table", type="primary", key="agreement_go", on_click=_start, args=(False,))


def _start(sampled: bool) -> None:
    _forget()
    try:
        access.require_operator("Checking the table")
        pipeline = context.pipeline()
        sample = max(10, int(state.agreement_sample)) if sampled else None
        name = "The check of a sample" if sampled else "The check of the table"
        pipeline.check_job.start(context.runtime().jobs, name, lambda control: pipeline.checker.check(sample, control))
    except DashboardError as error:
        state.agreement_error = error


def _forget() -> None:
    for name in ("agreement_error", "agreement_to_repair"):
        state.pop(name, None)


def _stop_check() -> None:
    with guarded():
        access.require_operator("Stopping a check")
        job = context.pipeline().check_job.job
        if job is not None:
            job.cancel()


def _stop_repair() -> None:
    with guarded():
        access.require_operator("Stopping a repair")
        job = context.pipeline().repair_job.job
        if job is not None:
            job.cancel()


def _progress() -> None:
    with guarded():
        pipeline = context.pipeline()
        running = pipeline.check_job.running or pipeline.repair_job.running
        if running:
            state.agreement_watched = True
        elif state.pop("agreement_watched", False):
            # The page that is drawn anew does not look again.
            st.rerun()
        if state.pop("agreement_asked", False):
            # The click ran this part alone; the dialog is the page's.
            st.rerun()
        _repair_part(pipeline)
        _check_part(pipeline)


def _check_part(pipeline: Pipeline) -> None:
    job = pipeline.check_job.job
    if job is None:
        return
    st.subheader("The running check" if job.progress.running else "The last check")
    job_progress.show(job.progress, _stop_check if access.is_operator() else None, key="check")
    if job.result is not None:
        ended_at = job.progress.ended_at or time.time()
        _result(job.result, time.time() - ended_at, pipeline)


def _result(result: CheckResult, age_s: float, pipeline: Pipeline) -> None:
    shown = [standing for standing in _MEANING if result.counts.get(standing)]
    with st.container(horizontal=True):
        st.metric("Records", formats.number(result.checked), border=True)
        for standing in shown:
            st.metric(
                standing.value.capitalize(),
                formats.number(result.counts[standing]),
                border=True,
                help=_MEANING[standing],
            )
    whole = "The whole table" if result.whole else "A part of the table"
    st.caption(
        f"{whole}, {formats.ago(age_s)}, in {result.seconds:,.1f} s and {result.units:g} read units. "
        f"{formats.counted(result.heard_of, 'key')} that only the cache could have "
        f"{'was' if result.heard_of == 1 else 'were'} looked for."
    )
    for problem in result.problems:
        st.text(f"Not known for the reasons: {problem}")
    if not result.findings:
        st.success("Every record that was looked at is equal on both sides.", icon=":material/check_circle:")
        return
    _offer(result, pipeline)
    st.dataframe(
        _rows(result.findings[:LISTED]),
        hide_index=True,
        key="agreement_findings",
        alt="Keys that are not equal on both sides",
    )
    more = len(result.findings) - LISTED
    if more > 0:
        st.caption(f"The first {LISTED:,}; the download has {more:,} more, {MOST_FINDINGS:,} at most in all.")
    findings = result.findings
    st.download_button(
        "Download as CSV",
        lambda: findings_csv(findings),
        file_name="agreement.csv",
        mime="text/csv",
        key="agreement_csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _rows(findings: tuple[Finding, ...]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "Location": [finding.location for finding in findings],
            "Standing": [_standing(finding) for finding in findings],
            "Reason": [finding.judgement.reason for finding in findings],
            "Table": [table_text(finding) for finding in findings],
            "Cache": [cache_text(finding) for finding in findings],
        }
    )


def _standing(finding: Finding) -> str:
    word = finding.judgement.standing.value
    return word if finding.judgement.certain else f"{word}?"


def _offer(result: CheckResult, pipeline: Pipeline) -> None:
    wrong = [finding for finding in result.findings if finding.judgement.standing in _WRONG]
    if not wrong or not access.is_operator():
        return
    todo = plan(wrong)
    st.button(
        f"Make {formats.counted(len(todo.locations), 'key')} right",
        icon=":material/build:",
        key="agreement_repair",
        disabled=pipeline.repair_job.running,
        on_click=_ask,
        args=(todo,),
    )


def _ask(todo: Plan) -> None:
    state.agreement_to_repair = todo
    state.agreement_asked = True


def _cancel() -> None:
    state.pop("agreement_to_repair", None)


@st.dialog("Make them right?", on_dismiss=_cancel)
def _confirm(todo: Plan) -> None:
    if "agreement_to_repair" not in state:
        # A click in a dialog runs the dialog alone again; only a run of the whole page closes it.
        st.rerun()
    st.write(
        f"{formats.counted(len(todo.locations), 'key')}: {len(todo.put):,} put, {len(todo.delete):,} delete, as "
        "they were when they were looked at. Each is read again from the table first, and read back from the cache as "
        "proof."
    )
    with st.container(horizontal=True):
        st.button("Make them right", type="primary", key="agreement_repair_yes", on_click=_repair)
        st.button("Leave them", key="agreement_repair_no", on_click=_cancel)


def _repair() -> None:
    todo: Plan = state.pop("agreement_to_repair")
    _forget()
    try:
        someone = access.require_operator("Making keys right")
        pipeline = context.pipeline()
        pipeline.repair_job.start(
            context.runtime().jobs,
            f"Making {formats.counted(len(todo.locations), 'key')} right",
            lambda control: make_right_audited(
                pipeline.reconciler, pipeline.audit, someone.name, todo.locations, control
            ),
        )
    except DashboardError as error:
        state.agreement_error = error


def _repair_part(pipeline: Pipeline) -> None:
    job = pipeline.repair_job.job
    if job is None:
        return
    st.subheader("The running repair" if job.progress.running else "The last repair")
    job_progress.show(job.progress, _stop_repair if access.is_operator() else None, key="repair")
    if job.result is not None:
        _repaired(job.result)


def _repaired(done: tuple[Reconciled, ...]) -> None:
    counts = Counter(each.outcome for each in done)
    with st.container(horizontal=True):
        for outcome in Outcome:
            st.metric(outcome.value.capitalize(), formats.number(counts[outcome]), border=True)
    st.dataframe(
        pd.DataFrame(
            {
                "Location": [each.location for each in done[:LISTED]],
                "Outcome": [each.outcome.value for each in done[:LISTED]],
                "Why": [each.why for each in done[:LISTED]],
            }
        ),
        hide_index=True,
        key="repair_results",
        alt="Keys that were made right, and how",
    )
    st.caption("Check again to see how the two sides stand now.")
