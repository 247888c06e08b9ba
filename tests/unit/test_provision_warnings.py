"""What a plan warns of: settings and steps that lose records without a word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provision.model import Action, Plan, Step
from provision.settings import ORIGINAL, PRODUCTION, StackSettings
from provision.warnings import warnings

NOTHING = Plan(())


def made(action: Action, kind: str = "pipe") -> Plan:
    return Plan((Step(action, "x", kind, "x"),))


@pytest.mark.parametrize(
    ("settings", "plan", "words"),
    [
        (ORIGINAL, NOTHING, ["try each record once", "any pipe"]),
        (ORIGINAL, made(Action.CREATE), ["try each record once", "any pipe", "LATEST"]),
        (PRODUCTION, NOTHING, []),
        (PRODUCTION, made(Action.CREATE), []),
        (PRODUCTION, made(Action.REPLACE), ["delivered again"]),
        (PRODUCTION, made(Action.DELETE, "queue"), ["dead letters"]),
        (PRODUCTION, made(Action.DELETE, "log group"), ["reasons"]),
        (replace(PRODUCTION, retries=-1, max_age_s=-1), NOTHING, ["for ever"]),
        (replace(PRODUCTION, max_age_s=100_000), NOTHING, ["above 24 hours"]),
        (replace(PRODUCTION, retries=-1), NOTHING, []),
    ],
)
def test_what_loses_data_is_said(settings: StackSettings, plan: Plan, words: list[str]) -> None:
    said = warnings(settings, plan)

    assert len(said) == len(words)
    assert all(word in text for word, text in zip(words, said, strict=True))
