"""The CloudWatch dashboard: what it shows, and that its pictures fit beside each other."""

from __future__ import annotations

import itertools
import re
from dataclasses import replace
from typing import Any

import pytest

from core import names
from core.names import StackNames
from provision import stack
from provision.planner import in_order, resolved
from provision.secret_text import SecretText
from provision.settings import ORIGINAL, PRODUCTION, StackSettings

PLACE = stack.Place("us-west-2", "123456789012", "https://api.cache.example.com")
TEAM = StackNames("team")


def widgets(settings: StackSettings = PRODUCTION) -> dict[str, Any]:
    (board,) = [each for each in stack.declared(TEAM, settings, PLACE, SecretText("key")) if each.kind == "dashboard"]
    alarms = [f"alarm/{each}" for each in ("letters", "oldest-letter", "no-cache-deliveries", "no-topic-deliveries")]
    alarms += [f"alarm/{flow}-failures" for flow in names.FLOWS]
    found: dict[str, Any] = resolved(board.attributes, {each: {"arn": f"arn:{each}"} for each in alarms})["Widgets"]
    return found


def metrics(title: str) -> list[list[Any]]:
    found: list[list[Any]] = widgets()[title]["properties"]["metrics"]
    return found


def test_it_shows_the_pictures_of_our_pages_and_the_alarms() -> None:
    assert list(widgets()) == [
        "About",
        "Alarms",
        "Writes and deliveries",
        "Failures",
        "Duration of executions (ms)",
        "Dead letters",
        "Writes to the table, by call",
        "Throttled by the table",
        "Newest errors of the pipes",
    ]
    assert len(widgets()["Alarms"]["properties"]["alarms"]) == 7


def test_without_alarms_it_shows_none_and_the_original_has_no_dashboard() -> None:
    quiet = replace(PRODUCTION, alarms=False)

    assert "Alarms" not in widgets(quiet)
    assert not [each for each in stack.declared(TEAM, ORIGINAL, PLACE, SecretText("key")) if each.kind == "dashboard"]


@pytest.mark.parametrize("settings", [PRODUCTION, replace(PRODUCTION, alarms=False)])
def test_no_widget_covers_another_and_none_is_wider_than_the_page(settings: StackSettings) -> None:
    found = list(widgets(settings).values())
    for one, other in itertools.combinations(found, 2):
        apart = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
        below = one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
        assert apart or below, (one, other)
    assert max(each["x"] + each["width"] for each in found) <= 24


def test_deliveries_are_executions_less_those_that_failed() -> None:
    lines = metrics("Writes and deliveries")
    pipe = TEAM.pipe("cache-put")

    assert ["AWS/EventBridge/Pipes", "Invocations", "PipeName", pipe, {"id": "i0", "visible": False}] in lines
    assert ["AWS/EventBridge/Pipes", "ExecutionFailed", "PipeName", pipe, {"id": "f0", "visible": False}] in lines
    delivered = {"expression": "FILL(i0, 0) - FILL(f0, 0)", "label": "cache-put delivered", "id": "d0"}
    assert [delivered] in lines


def test_every_expression_refers_to_metrics_that_are_there() -> None:
    lines = metrics("Writes and deliveries")
    known = {line[-1]["id"] for line in lines}
    for line in lines:
        if len(line) == 1:
            assert {*re.findall(r"\b[a-z]\d\b", line[0]["expression"])} <= known
    assert len(known) == len(lines)


def test_each_picture_is_of_this_stack_and_this_region() -> None:
    ours = {TEAM.table, TEAM.queue, *TEAM.pipes}
    for widget in widgets().values():
        if widget["type"] == "metric":
            assert widget["properties"]["region"] == "us-west-2"
            lines = [line for line in widget["properties"]["metrics"] if len(line) > 1]
            assert {line[3] for line in lines} <= ours
    assert TEAM.log_group("us-west-2") in widgets()["Newest errors of the pipes"]["properties"]["query"]


def test_two_regions_have_a_dashboard_each_since_the_name_holds_for_the_account() -> None:
    assert TEAM.dashboard("us-west-2") == "team-weather-stats-demo-us-west-2" != TEAM.dashboard("eu-west-1")


def test_it_waits_for_its_alarms() -> None:
    order = [each.address for each in in_order(list(stack.declared(TEAM, PRODUCTION, PLACE, SecretText("key"))))]

    assert all(order.index(each) < order.index("dashboard") for each in order if each.startswith("alarm/"))
