"""docs/health.md and docs/drill.md say what the code does."""

from __future__ import annotations

import re

import pytest

from bench.stack import ROOT
from core.names import FLOWS
from services.pipes import verdicts
from services.pipes.verdicts import Verdict
from tests.integration.pipes.test_health_drill import GROUPS, Drill

HEALTH = (ROOT / "docs" / "health.md").read_text(encoding="utf-8")
DRILL = (ROOT / "docs" / "drill.md").read_text(encoding="utf-8")
DRILLS = [drill for group in GROUPS.values() for drill in group]


def block(text: str) -> str:
    """The lines of a text that tell the rules, without their indentation."""
    lines = text.splitlines()
    first = next(number for number, line in enumerate(lines) if line.strip().startswith("BROKEN"))
    last = next(number for number, line in enumerate(lines) if line.strip().startswith("IDLE  "))
    indent = len(lines[first]) - len(lines[first].lstrip())
    return "\n".join(line[indent:] for line in lines[first : last + 1])


def test_the_rules_of_the_docs_are_those_of_the_code() -> None:
    assert block(HEALTH) == block(verdicts.__doc__ or "")
    assert set(re.findall(r"^([A-Z]+) ", block(HEALTH), re.MULTILINE)) == {verdict.value.upper() for verdict in Verdict}


def test_the_numbers_of_the_docs_are_those_of_the_code() -> None:
    for name, value in re.findall(r"^\| `([A-Z_]+)` \| (\d+) s \|", HEALTH, re.MULTILINE):
        assert getattr(verdicts, name) == float(value)
    assert HEALTH.count("| `") == 4


def test_the_order_from_worst_to_best_is_told() -> None:
    assert ", ".join(verdict.value for verdict in Verdict) in re.sub(r"\s+", " ", HEALTH)


@pytest.mark.parametrize("drill", DRILLS, ids=lambda drill: drill.name)
def test_each_drill_is_in_the_table_with_its_pipes_and_its_verdict(drill: Drill) -> None:
    (row,) = [line for line in DRILL.splitlines() if line.startswith(f"| {drill.name} |")]

    pipes = "all" if drill.flows == FLOWS else ", ".join(drill.flows)
    assert row.startswith(f"| {drill.name} | {pipes} | {drill.verdict.value.upper()} |")


def test_the_table_tells_of_no_drill_that_is_not_made() -> None:
    rows = [line for line in DRILL.splitlines() if line.startswith("| ") and not line.startswith("| fault")]

    # The hour without anything to do is a test of its own.
    assert len(rows) == len(DRILLS) + 1
