"""The plan follows from what is declared and what is observed, and from nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from provision.model import Action, Change, Declared, Observed, Owner, Plan, Ref, Step
from provision.planner import differences, in_order, plan, plan_removal, resolved

TABLE = Declared("table", "DynamoDB table", "weather", {"Capacity": 5, "Stream": "NEW_AND_OLD_IMAGES"})
ROLE = Declared("role", "IAM role", "pipes", {"Policy": {"Resource": [Ref("table", "stream_arn")]}})
PIPE = Declared(
    "pipe/put",
    "pipe",
    "weather-put",
    {"Source": Ref("table", "stream_arn"), "Role": Ref("role", "arn"), "Target": {"Template": "{}"}},
    replaced_by=frozenset({"Source"}),
)
STACK = (PIPE, ROLE, TABLE)
STREAM = "arn:aws:dynamodb:us-west-2:1:table/weather/stream/2026"
#: The stack as it is after `up`.
THERE = {
    "table": Observed(TABLE.attributes, {"stream_arn": STREAM}),
    "role": Observed({"Policy": {"Resource": [STREAM]}}, {"arn": "arn:aws:iam::1:role/pipes"}),
    "pipe/put": Observed({"Source": STREAM, "Role": "arn:aws:iam::1:role/pipes", "Target": {"Template": "{}"}}),
}


def actions(found: Plan) -> dict[str, Action]:
    return {step.address: step.action for step in found.steps}


def step_of(found: Plan, address: str) -> Step:
    return next(step for step in found.steps if step.address == address)


def test_nothing_there_is_created_in_the_order_of_need() -> None:
    found = plan(STACK, {})

    assert [step.address for step in found.steps] == ["table", "role", "pipe/put"]
    assert {step.action for step in found.steps} == {Action.CREATE}
    assert step_of(found, "pipe/put").after == ("role", "table")
    assert Change("Source", "", "(known after apply)") in step_of(found, "pipe/put").changes


def test_what_is_as_declared_is_kept() -> None:
    found = plan(STACK, THERE)

    assert found.empty
    assert actions(found) == dict.fromkeys(("table", "role", "pipe/put"), Action.KEEP)


@pytest.mark.parametrize(
    ("address", "attributes", "action", "changes"),
    [
        ("table", {"Capacity": 1, "Stream": "NEW_AND_OLD_IMAGES"}, Action.CHANGE, [Change("Capacity", "1", "5")]),
        # What is there beside what was declared is not ours to judge.
        ("table", {**TABLE.attributes, "Class": "STANDARD"}, Action.KEEP, []),
        (
            "role",
            {"Policy": {"Resource": ["*"]}},
            Action.CHANGE,
            [Change("Policy.Resource", '["*"]', f'["{STREAM}"]')],
        ),
        (
            "pipe/put",
            {"Source": "arn:old", "Role": "arn:aws:iam::1:role/pipes", "Target": {"Template": "{}"}},
            Action.REPLACE,
            [Change("Source", "arn:old", STREAM)],
        ),
        # Inside of an attribute that was declared, everything is.
        (
            "pipe/put",
            {"Source": STREAM, "Role": "arn:aws:iam::1:role/pipes", "Target": {"Template": "{}", "Header": "x"}},
            Action.CHANGE,
            [Change("Target.Header", "x", "")],
        ),
    ],
)
def test_a_difference_is_changed_or_makes_the_resource_anew(
    address: str, attributes: dict[str, Any], action: Action, changes: list[Change]
) -> None:
    there = {**THERE, address: Observed(attributes, THERE[address].outputs)}

    step = step_of(plan(STACK, there), address)

    assert (step.action, list(step.changes)) == (action, changes)


def test_a_resource_made_anew_makes_what_depends_on_its_output_anew() -> None:
    """The table is gone, and its stream with it: the pipe reads a stream that nobody writes to."""
    found = plan(STACK, {**THERE, "table": None})

    assert actions(found) == {"table": Action.CREATE, "role": Action.CHANGE, "pipe/put": Action.REPLACE}
    assert step_of(found, "pipe/put").changes == (Change("Source", STREAM, "(known after apply)"),)
    assert step_of(found, "pipe/put").reason == "Source cannot be changed"


def test_what_is_in_trouble_is_made_anew_with_the_reason() -> None:
    broken = Observed(THERE["pipe/put"].attributes, state="CREATE_FAILED", trouble="Cannot access stream")

    step = step_of(plan(STACK, {**THERE, "pipe/put": broken}), "pipe/put")

    assert (step.action, step.reason) == (Action.REPLACE, "Cannot access stream")


def test_a_name_that_somebody_else_has_blocks_the_plan() -> None:
    found = plan(STACK, {**THERE, "table": Observed({}, owner=Owner.SOMEBODY)})

    assert len(found.blocked) == 1
    assert "DynamoDB table weather exists" in found.blocked[0]
    assert "--adopt" in found.blocked[0]


def test_removal_takes_what_others_need_last_and_leaves_what_is_not_ours() -> None:
    everything = plan_removal(STACK, THERE)
    without_table = plan_removal(STACK, THERE, kept=frozenset({"table"}))
    foreign = plan_removal(STACK, {**THERE, "role": Observed({}, owner=Owner.SOMEBODY), "table": None})

    assert [step.address for step in everything.steps] == ["pipe/put", "role", "table"]
    assert set(step_of(everything, "table").after) == {"role", "pipe/put"}
    assert [step.address for step in without_table.steps] == ["pipe/put", "role"]
    assert [step.address for step in foreign.steps] == ["pipe/put"]
    assert plan_removal(STACK, {}).steps == ()


def test_resources_that_wait_for_each_other_are_refused() -> None:
    first = Declared("a", "kind", "a", {}, after=("b",))
    second = Declared("b", "kind", "b", {}, after=("a",))

    with pytest.raises(ValueError, match="wait for each other"):
        in_order([first, second])
    with pytest.raises(ValueError, match="a refers to b, which is not declared"):
        in_order([first])
    with pytest.raises(ValueError, match="same address"):
        in_order([TABLE, TABLE])


def test_a_suffix_follows_the_output() -> None:
    outputs = {"group": {"arn": "arn:aws:logs:us-west-2:1:log-group:g"}}

    assert resolved({"Arn": [Ref("group", "arn", ":*")]}, outputs) == {
        "Arn": ["arn:aws:logs:us-west-2:1:log-group:g:*"]
    }


_values = st.recursive(
    st.integers() | st.text("xyz", max_size=5) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc", min_size=1), inner, max_size=3),
    max_leaves=8,
)
_attributes = st.dictionaries(st.text("abc", min_size=1, max_size=2), _values, max_size=4)


@given(_attributes)
def test_nothing_differs_from_itself(attributes: dict[str, Any]) -> None:
    assert differences(attributes, attributes) == ()


@given(_attributes, _attributes)
def test_a_difference_is_found_exactly_when_a_declared_attribute_is_another(
    old: dict[str, Any], new: dict[str, Any]
) -> None:
    same = all(_alike(old.get(key), value) for key, value in new.items())

    assert (differences(old, new) == ()) == same


def _alike(old: Any, new: Any) -> bool:
    """An empty object is what an absent one is."""
    if isinstance(new, dict) and (old is None or isinstance(old, dict)):
        before = old or {}
        return all(_alike(before.get(key), new.get(key)) for key in {*before, *new})
    return bool(old == new)
