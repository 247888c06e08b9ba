"""What becomes of every error that AWS's models list for the calls made here: each has an outcome, and none is "?".

The tables name the errors that are handled; any other ends the step, with an advice of its own. An error that a newer
botocore lists and no table here knows fails `test_every_listed_error_says_what_to_do_next` until it has an advice.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from copy import deepcopy
from functools import cache
from typing import Any

import boto3
import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.model import ServiceModel
from botocore.stub import Stubber

from provision import executor as executing
from provision.advice import advice_for
from provision.clients import Clients
from provision.executor import Executor, Outcome
from provision.kinds.kind import Kind
from provision.kinds.registry import kinds
from provision.model import Action, Declared, Observed, Owner, Plan, Step
from tests.unit.provision.test_provision_advice import CALLS
from tests.unit.provision.test_provision_calls import (
    ACCOUNT,
    CASES,
    DECLARED,
    NAMES,
    REGION,
    SERVICES,
    Act,
    Call,
    NoCaches,
)

#: "It is not there": nothing to look at, nothing to delete.
MISSING = {
    "NoSuchEntity",
    "NotFound",
    "NotFoundException",
    "QueueDoesNotExist",
    "ResourceNotFound",
    "ResourceNotFoundException",
    "TableNotFoundException",
}
#: Tried again, whatever the call is for.
AGAIN = {
    "ConcurrentModification",
    "ConcurrentModificationException",
    "ContinuousBackupsUnavailableException",
    "OperationAbortedException",
    "QueueDeletedRecently",
    "ServiceUnavailableException",
}
#: To a creation: somebody has made it meanwhile. To a change or a deletion: another change is under way.
EXISTS_OR_BUSY = {"ConflictException", "ResourceInUseException"}
EXISTS = {"EntityAlreadyExists", "ResourceAlreadyExistsException", "ResourceExistsException", *EXISTS_OR_BUSY}
BUSY = {"ConcurrentAccess", "ResourceConflict", *EXISTS_OR_BUSY}


@cache
def service_model(service: str) -> ServiceModel:
    return botocore.session.get_session().get_service_model(service)


def codes_of(service: str, call: str) -> set[str]:
    model = service_model(service).operation_model(call)
    return {shape.metadata.get("error", {}).get("code", shape.name) for shape in model.error_shapes}


def act_of(call: str) -> str:
    if call.startswith(("Get", "Describe", "List")):
        return "look"
    if call.startswith("Create") or call in ("PutMetricAlarm", "PutDashboard"):
        return "create"
    return "delete" if call.startswith("Delete") else "change"


def listed(*acts: str) -> list[tuple[str, str]]:
    """Each act with each error that some call of it lists."""
    found = {
        (act_of(call), code)
        for service, calls in CALLS.items()
        for call in calls.split()
        for code in codes_of(service, call)
    }
    return sorted((act, code) for act, code in found if act in acts)


class Failing:
    """One resource in memory; the first call that is not a look is answered with this error."""

    def __init__(self, code: str, there: bool) -> None:
        self.there = there
        self.size = 0
        self.owner = Owner.STACK
        self.asked = 0
        self._code = code

    def observe(self, _resource: Declared) -> Observed | None:
        return Observed({"Size": self.size}, owner=self.owner) if self.there else None

    def _ask(self) -> None:
        self.asked += 1
        if self.asked == 1:
            raise ClientError({"Error": {"Code": self._code, "Message": "No."}}, "Act")

    def create(self, _name: str, _wanted: Mapping[str, Any]) -> None:
        self._ask()
        self.there, self.size = True, 1

    def update(self, _name: str, _wanted: Mapping[str, Any], _changed: frozenset[str]) -> None:
        self._ask()
        self.size = 1

    def delete(self, _name: str) -> None:
        self._ask()
        self.there = False


THING = Declared("thing", "thing", "thing", {"Size": 1})


def take(action: Action, kind: Failing) -> Outcome:
    step = Step(action, "thing", "thing", "thing")
    return Executor((THING,), {"thing": kind}, lambda event: None, patience_s=60).run(Plan((step,)), {})


@pytest.fixture
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Executor, "_pause", lambda *_: None)


@pytest.mark.parametrize(("act", "code"), listed("create", "change", "delete"))
def test_an_error_is_tried_again_or_ends_the_step_with_its_advice(no_pauses: None, act: str, code: str) -> None:
    action = {"create": Action.CREATE, "change": Action.CHANGE, "delete": Action.DELETE}[act]
    kind = Failing(code, there=action is not Action.CREATE)
    again = AGAIN | (MISSING if act == "create" else BUSY)

    outcome = take(action, kind)

    if code in again:
        assert (outcome.complete, kind.asked) == (True, 2)
    else:
        assert isinstance(outcome.failed["thing"], ClientError)
        assert advice_for(code)


@pytest.mark.parametrize("code", sorted(code for act, code in listed("create") if code in EXISTS))
@pytest.mark.parametrize(("owner", "complete"), [(Owner.STACK, True), (Owner.SOMEBODY, False)])
def test_what_came_into_being_meanwhile_is_taken_when_it_is_ours(
    no_pauses: None, code: str, owner: Owner, complete: bool
) -> None:
    kind = Failing(code, there=True)
    kind.owner = owner

    assert take(Action.CREATE, kind).complete is complete
    assert kind.asked == (2 if complete else 1)


def test_what_a_new_one_refers_to_is_not_waited_for_without_end(
    no_pauses: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executing, "_KNOWN_WITHIN_S", 0.0)

    assert not take(Action.CREATE, Failing("NotFoundException", there=False)).complete


#: Looks and acts of a kind that go on after an error in their own way; each has a test in test_provision_kinds.py.
GO_ON = {
    ("connection", "get_secret_value"): "the stack's own secret says which key was given",
    ("secret", "create_secret"): "one that is scheduled for deletion is taken back",
    ("pipe/topic-publish", "create_pipe"): "a role that Pipes does not know yet is waited for",
}
#: The second call of a creation: what is missing for a moment is put by the round that follows.
SECOND_OF_CREATION = {"put_role_policy", "put_retention_policy", "subscribe"}


def failures() -> Iterator[tuple[str, str, Act, list[Call], int, str]]:
    """Each call of each act, with each error that its model lists."""
    for address, what, act, calls in CASES:
        for number, call in enumerate(calls):
            if (address, call.method) in GO_ON:
                continue
            service = SERVICES.get(call.client, call.client)
            names = {xform_name(name): name for name in service_model(service).operation_names}
            for code in sorted(codes_of(service, names[call.method])):
                yield address, what, act, calls, number, code


@pytest.fixture(scope="module")
def aws() -> Clients:
    return Clients(boto3.Session("key", "secret", region_name=REGION))


@pytest.fixture(scope="module")
def at_work(aws: Clients) -> Mapping[str, Kind]:
    return kinds(aws, NoCaches(), NAMES, ACCOUNT)


def test_each_call_of_each_kind_passes_its_errors_on_but_for_what_is_missing(
    aws: Clients, at_work: Mapping[str, Kind]
) -> None:
    wrong = []
    for address, what, act, calls, number, code in failures():
        method = calls[number].method
        fine = code in MISSING and (
            what in ("observe", "delete") or (what == "create" and method in SECOND_OF_CREATION)
        )
        raised = run_until(aws, at_work, address, what, act, calls, number, code)
        if raised != ("" if fine else code):
            wrong.append(f"{address}, {what}, {method}: {code} became {raised or 'nothing'}")

    assert wrong == []


def run_until(
    aws: Clients,
    at_work: Mapping[str, Kind],
    address: str,
    what: str,
    act: Act,
    calls: list[Call],
    number: int,
    code: str,
) -> str:
    """The code of the error that the act raises when this call of it fails; "" when it raises none."""
    resource = DECLARED[address]
    kind = at_work[resource.kind]
    with ExitStack() as stubs:
        used = {name: stubs.enter_context(Stubber(getattr(aws, name))) for name in {call.client for call in calls}}
        for call in calls[:number]:
            used[call.client].add_response(call.method, deepcopy(call.answer), call.parameters)
        used[calls[number].client].add_client_error(calls[number].method, code, "No.")
        # A deletion that finds one thing gone goes on to the next.
        for call in calls[number + 1 :] if what == "delete" else ():
            used[call.client].add_response(call.method, deepcopy(call.answer), call.parameters)
        try:
            if what == "observe":
                seen = kind.observe(resource)
                assert seen is None or address == "role", "what is missing is not there"
            else:
                act(kind, resource)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""
