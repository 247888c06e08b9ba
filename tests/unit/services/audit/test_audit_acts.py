"""Acts from the entries of the audit log: begun, ended, cut off, and as files."""

from __future__ import annotations

import csv
import io
import json

from services.audit.acts import QUIET_S, ActState, acts, to_csv, to_json_lines
from services.audit.log import Entry, Stage

NOW = 1_000_000.0


def entry(stage: Stage, at: float, act_id: str = "a", **details: object) -> Entry:
    return Entry(act_id, stage, "Repair dead letters", "ann@example.com", "=2+3", at, details)


def test_an_act_is_its_intent_its_lines_and_its_outcome() -> None:
    entries = [
        entry(Stage.OUTCOME, NOW - 1, outcome="2 repaired", repaired=2),
        entry(Stage.DETAIL, NOW - 2, lines=[{"message": "m-1"}, {"message": "m-2", "key": "Tromsø"}]),
        entry(Stage.INTENT, NOW - 3, messages=2),
    ]

    (found,) = acts(entries, NOW)

    assert (found.state, found.outcome) == (ActState.ENDED, "2 repaired")
    assert (found.started_at, found.ended_at) == (NOW - 3, NOW - 1)
    assert [line["message"] for line in found.lines] == ["m-1", "m-2"]
    assert found.summary == {"messages": 2, "outcome": "2 repaired", "repaired": 2}
    assert found.has_text("tromsø")
    assert not found.has_text("bergen")


def test_an_act_without_an_outcome_runs_or_was_cut_off() -> None:
    found = acts([entry(Stage.INTENT, NOW - 5, "new"), entry(Stage.INTENT, NOW - QUIET_S - 1, "old")], NOW)

    assert [(act.act_id, act.state) for act in found] == [("new", ActState.RUNNING), ("old", ActState.CUT_OFF)]
    assert found[0].ended_at is None


def test_the_files_have_every_act_and_no_formula() -> None:
    found = acts([entry(Stage.INTENT, NOW, lines=[{"message": "m-1"}])], NOW)

    (row,) = csv.DictReader(io.StringIO(to_csv(found).decode("utf-8-sig")))
    (line,) = [json.loads(each) for each in to_json_lines(found).splitlines()]

    assert (row["why"], row["lines"], row["ended_at"]) == ("'=2+3", "1", "")
    assert (line["why"], line["lines"], line["ended_at"]) == ("=2+3", [{"message": "m-1"}], None)
