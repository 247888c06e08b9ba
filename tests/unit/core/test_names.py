"""The one stack that a process speaks of: without a prefix at first, and the chosen one from then on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from core import names
from core.names import DEFAULT, StackNames
from services.app import runtime
from services.checks import alarms
from services.checks import cloudwatch as metrics


@pytest.fixture(autouse=True)
def _the_default_again() -> Iterator[None]:
    yield
    names.choose(DEFAULT)


def test_the_names_are_those_of_the_original_until_a_stack_is_chosen() -> None:
    assert (DEFAULT.table, DEFAULT.pipes) == (names.TABLE, names.PIPES)

    names.choose(StackNames("team-1"))

    assert names.TABLE == "team-1-weather-stats-demo"
    assert names.QUEUE == "team-1-weather-stats-demo-dlq"
    assert names.CACHE == "team-1-momento-eventbridge-cache"
    assert names.pipe(names.CACHE_PUT) == "team-1-weather-stats-demo-cache-put-pipe"
    assert names.log_group("us-west-2") == "team-1-weather-stats-demo-logs-us-west-2"
    assert names.audit_log_group("us-west-2") == "team-1-weather-stats-demo-audit-us-west-2"
    assert {names.pipe(flow): flow for flow in names.FLOWS} == names.FLOW_OF
    assert DEFAULT.table == "weather-stats-demo"


def test_a_word_that_names_nothing_is_no_attribute() -> None:
    with pytest.raises(AttributeError, match="TABEL"):
        getattr(names, "TABEL")  # noqa: B009


def test_metrics_are_asked_of_the_chosen_table() -> None:
    names.choose(StackNames("team-1"))

    assert {dict(query.dimensions)["TableName"] for query in metrics.table_reads()} == {"team-1-weather-stats-demo"}


def test_alarms_are_asked_of_the_chosen_stack() -> None:
    asked = []

    class CloudWatch:
        def describe_alarms(self, **parameters: str) -> dict[str, object]:
            asked.append(parameters)
            return {}

    class Aws:
        cloudwatch = CloudWatch()

    names.choose(StackNames("team-1"))
    alarms.read(Aws())  # type: ignore[arg-type]

    assert asked == [{"AlarmNamePrefix": "team-1-weather-stats-demo"}]


def test_the_runtime_speaks_of_the_stack_that_the_settings_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TARGET", "sandbox")
    monkeypatch.setenv("STACK_PREFIX", " team-1 ")

    made = runtime.create()

    assert made.config.stack == StackNames("team-1")
    assert names.chosen() == StackNames("team-1")
