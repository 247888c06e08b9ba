"""What a pipe's StateReason says of it."""

from __future__ import annotations

import pytest

from core.names import trouble_in


@pytest.mark.parametrize("reason", ["", "No records processed", "USER_INITIATED", "User initiated", "OK"])
def test_what_aws_says_of_pipes_that_are_well_is_no_trouble(reason: str) -> None:
    assert trouble_in(reason) == ""


@pytest.mark.parametrize("reason", ["Stream not found.", "PROBLEM: Pipes does not have enough permission"])
def test_everything_else_is_kept_as_it_is(reason: str) -> None:
    assert trouble_in(reason) == reason
