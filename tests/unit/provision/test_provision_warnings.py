"""What a plan warns of: settings and steps that lose records without a word."""

from __future__ import annotations

from dataclasses import replace

import pytest

from provision.model import Action, Plan, Step
from provision.settings import ORIGINAL, PRODUCTION, StackSettings
from provision.warnings import LEAST_WINDOW_S, STREAM_KEEPS_S, warnings

NOTHING = Plan(())


def made(action: Action, kind: str = "pipe") -> Plan:
    return Plan((Step(action, "x", kind, "x"),))


@pytest.mark.parametrize(
    ("settings", "plan", "words"),
    [
        (ORIGINAL, NOTHING, ["try each record once", "cannot be sent at all", "any pipe"]),
        (ORIGINAL, made(Action.CREATE), ["try each record once", "cannot be sent at all", "any pipe", "LATEST"]),
        (PRODUCTION, NOTHING, []),
        (PRODUCTION, made(Action.CREATE), []),
        (PRODUCTION, made(Action.REPLACE), ["delivered again"]),
        (PRODUCTION, made(Action.DELETE, "queue"), ["dead letters"]),
        (PRODUCTION, made(Action.DELETE, "log group"), ["reasons"]),
        (replace(PRODUCTION, retries=-1, max_age_s=-1), NOTHING, ["for ever"]),
        (replace(PRODUCTION, max_age_s=100_000), NOTHING, ["24 hours or more"]),
        (replace(PRODUCTION, max_age_s=86_400), NOTHING, ["24 hours or more"]),
        (replace(PRODUCTION, max_age_s=80_000), NOTHING, ["leaves 1.8 hours to repair a dead letter"]),
        (replace(PRODUCTION, max_age_s=12 * 3600), NOTHING, []),
        (replace(PRODUCTION, max_age_s=-1), NOTHING, ["cannot be sent at all"]),
        (replace(PRODUCTION, letters_days=1), NOTHING, ["forgets a dead letter after 1 day,"]),
        (replace(PRODUCTION, retries=-1), NOTHING, []),
    ],
)
def test_what_loses_data_is_said(settings: StackSettings, plan: Plan, words: list[str]) -> None:
    said = warnings(settings, plan)

    assert len(said) == len(words)
    assert all(word in text for word, text in zip(words, said, strict=True))


def test_production_gives_a_record_up_while_there_is_time_to_repair_it() -> None:
    assert STREAM_KEEPS_S - PRODUCTION.max_age_s >= LEAST_WINDOW_S
    assert PRODUCTION.letters_days * 24 * 3600 > STREAM_KEEPS_S


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("retries", -2, "--retries is -2; AWS takes numbers from -1 to 10000"),
        ("retries", 10_001, "--retries is 10001"),
        ("max_age_s", 604_801, "--max-age-s is 604801"),
        ("letters_days", 15, "--letters-days is 15; AWS takes numbers from 1 to 14"),
        ("letters_days", 0, "--letters-days is 0"),
    ],
)
def test_a_number_that_aws_does_not_take_is_refused(setting: str, value: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        replace(PRODUCTION, **{setting: value})
