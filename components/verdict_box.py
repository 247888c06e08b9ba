"""A verdict on screen: one word that is read without colour, the rule that fired, and what it quotes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import streamlit as st

from core.text import short
from services.pipes.verdicts import Finding, Verdict

Colour = Literal["green", "gray", "orange", "red"]

#: The sign beside each word, and its colour.
LOOKS: dict[Verdict, tuple[str, Colour]] = {
    Verdict.OK: ("✓", "green"),
    Verdict.IDLE: ("–", "gray"),
    Verdict.LAGGING: ("…", "orange"),
    Verdict.UNKNOWN: ("?", "orange"),
    Verdict.STOPPED: ("■", "red"),
    Verdict.FAILING: ("✕", "red"),
    Verdict.STALLED: ("‖", "red"),
    Verdict.BROKEN: ("!", "red"),
}
_BIG = "<style>.st-key-pipeline_verdict h2{font-size:2.6rem;letter-spacing:.02em;padding:0}</style>"
#: What needs no word about single pipes.
_CALM = (Verdict.OK, Verdict.IDLE)
#: The verdict of a pipeline in a sentence, where no pipe is in trouble.
_CALM_WORDS = {
    Verdict.OK: "Every pipe delivers what it gets.",
    Verdict.IDLE: "Every pipe is ready, and there is nothing to do.",
}


def word(verdict: Verdict) -> str:
    """The verdict as it is written on screen: `✕ FAILING`."""
    return f"{LOOKS[verdict][0]} {verdict.value.upper()}"


def pipe_verdict(finding: Finding) -> None:
    """The verdict on one pipe."""
    st.badge(word(finding.verdict), color=LOOKS[finding.verdict][1])
    _say(finding)


def pipeline_verdict(verdict: Verdict, findings: Iterable[tuple[str, Finding]]) -> None:
    """The verdict on the whole, in big letters, and the findings of the pipes that are the reason, by flow."""
    st.html(_BIG)
    with st.container(key="pipeline_verdict"):
        st.header(f":{LOOKS[verdict][1]}[{word(verdict)}]", anchor=False)
    troubled = [(flow, finding) for flow, finding in findings if finding.verdict not in _CALM]
    if not troubled:
        st.text(_CALM_WORDS.get(verdict, ""))
    for flow, finding in troubled:
        _say(finding, f"{flow} is {finding.verdict.value}: ")


def _say(finding: Finding, before: str = "") -> None:
    st.text(before + finding.rule)
    if finding.detail:
        st.text(short(finding.detail))
