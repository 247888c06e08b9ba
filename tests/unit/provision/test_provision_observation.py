"""What these credentials may not look at: it stops nobody who does not need it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from botocore.exceptions import ClientError

from provision import report
from provision.model import Action, Declared, Observed, Owner
from provision.observation import UNSEEN, observe
from provision.planner import plan, plan_removal

NEEDED = Declared("table", "table", "table", {})
LEFT = Declared("alarm", "alarm", "alarm", {})


class Denied:
    """A kind whose resources may not be looked at."""

    def __init__(self, code: str) -> None:
        self._code = code

    def observe(self, _resource: Declared) -> Observed | None:
        raise ClientError({"Error": {"Code": self._code, "Message": "No."}}, "DescribeAlarms")

    def create(self, _name: str, _wanted: Mapping[str, Any]) -> None:
        raise AssertionError

    def update(self, _name: str, _wanted: Mapping[str, Any], _changed: frozenset[str]) -> None:
        raise AssertionError

    def delete(self, _name: str) -> None:
        raise AssertionError


class There(Denied):
    """A kind whose resources are there, as declared."""

    def observe(self, _resource: Declared) -> Observed | None:
        return Observed({})


@pytest.mark.parametrize("code", ["AccessDenied", "AccessDeniedException", "AuthorizationError"])
@pytest.mark.parametrize("adopt", [False, True])
def test_what_other_settings_may_have_left_is_passed_over_and_said(code: str, adopt: bool) -> None:
    kinds = {"table": There(""), "alarm": Denied(code)}

    seen = observe([NEEDED, LEFT], kinds, adopt=adopt, unneeded={"alarm"})

    assert seen["alarm"] == Observed({}, owner=Owner.SOMEBODY, state=UNSEEN)
    planned = plan([NEEDED], seen, [LEFT])
    assert (planned.empty, planned.blocked) == (True, ())
    assert [(step.action, step.address) for step in plan_removal([NEEDED, LEFT], seen).steps] == [
        (Action.DELETE, "table")
    ]
    (said,) = report.unseen([LEFT], seen)
    assert "alarm" in said
    assert list(report.unseen([LEFT], {"alarm": None})) == []


@pytest.mark.parametrize(("code", "unneeded"), [("AccessDenied", frozenset()), ("Throttling", frozenset({"alarm"}))])
def test_what_is_needed_or_fails_for_another_reason_ends_it(code: str, unneeded: frozenset[str]) -> None:
    with pytest.raises(ClientError):
        observe([LEFT], {"alarm": Denied(code)}, unneeded=unneeded)
