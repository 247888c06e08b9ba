"""The page Stack: as declared, drifted, absent, and with what may not be read; and a dashboard with STACK_PREFIX."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from streamlit.testing.v1 import AppTest

from bench.stack import running_sandbox
from provision import names
from provision.names import DEFAULT, StackNames
from sandbox.state import SandboxState
from services.runtime import registry
from services.weather import WeatherRecord
from tests.app.screen import navigation, open_page, ran, table, words
from tests.conftest import AwsClients, wait_until
from tests.sandbox.running_pipeline import put_and_follow, running_pipeline


def open_against(profile: str) -> AppTest:
    """The page, held against that profile."""
    screen = ran(navigation())
    screen.query_params["compare"] = profile
    return ran(screen.switch_page("stack.py"))


def standings(page: AppTest) -> dict[str, str]:
    """Name → how the resource compares."""
    rows = table(page, "Resources")
    return dict(zip(rows["Name"], rows["Compared"], strict=True))


def test_a_stack_as_declared_is_told_in_one_line_with_names_and_commands(own_target: SandboxState) -> None:
    page = open_page("stack")

    said = words(page)
    assert [box.value for box in page.success] == ["13 of 13 resources are there, no drift."]
    assert "Every attribute is as the profile original declares it." in said
    assert "Read just now, for all viewers together." in said
    assert "Project: weather-pipeline-dashboard\nStack: weather-stats-demo" in said
    assert set(standings(page).values()) == {"✓ as declared"}
    codes = [block.value for block in page.code]
    assert "python -m provision plan --profile original" in codes
    assert own_target.momento_http_endpoint in codes
    assert DEFAULT.queue in codes
    assert own_target.momento_api_key not in said


def test_nothing_on_the_page_changes_the_stack(own_target: SandboxState) -> None:
    page = open_page("stack")

    assert [button.label for button in page.main.button] == ["Refresh"]


def test_against_production_the_original_stack_differs_and_alarms_are_missing(own_target: SandboxState) -> None:
    page = open_against("production")

    assert re.match(r"13 of \d\d resources are there: \d are missing, \d differ\.", page.error[0].value)
    assert "python -m provision up --profile production" in [block.value for block in page.code]
    assert any(
        "SourceParameters.DynamoDBStreamParameters.MaximumRetryAttempts: 10 → 0" in block.value for block in page.code
    )
    assert standings(page)["weather-stats-demo"] == "▲ differs"


def test_what_somebody_changed_is_drift_after_a_refresh_and_what_is_gone_is_missing(own_aws: AwsClients) -> None:
    logs, events = own_aws.client("logs"), own_aws.client("events")
    group, destination = DEFAULT.log_group("us-west-2"), DEFAULT.api_destination(names.CACHE_DELETE)
    page = open_page("stack")
    kept = events.describe_api_destination(Name=destination)
    logs.put_retention_policy(logGroupName=group, retentionInDays=7)
    events.delete_api_destination(Name=destination)
    try:
        page = ran(page.button(key="refresh_stack").click())

        assert [box.value for box in page.error] == ["12 of 13 resources are there: 1 is missing, 1 differs."]
        assert "RetentionInDays: 90 → 7" in [block.value for block in page.code]
        assert f"✕ missing: API destination {destination}" in words(page)
        found = standings(page)
        assert (found[group], found[destination]) == ("▲ differs", "✕ missing")
        assert found[DEFAULT.pipe(names.CACHE_DELETE)] == "✓ as declared"
        assert "what it refers to is missing or cannot be read: Target." in words(page)
    finally:
        logs.put_retention_policy(logGroupName=group, retentionInDays=90)
        given = ("Name", "Description", "ConnectionArn", "InvocationEndpoint", "HttpMethod")
        events.create_api_destination(**{key: kept[key] for key in given})


def refuse(*_: Any, request: Any, **__: Any) -> AWSResponse:
    """AWS's answer to credentials whose policy lacks the right."""

    class Raw:
        def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
            yield b'{"__type": "AccessDeniedException", "message": "not authorized to perform this"}'

    return AWSResponse(request.url, 400, {"content-type": "application/x-amz-json-1.1"}, Raw())


def test_what_may_not_be_read_says_so_and_hides_no_other(own_target: SandboxState) -> None:
    pipeline = wait_until(lambda: registry().current().pipeline(), what="the pipeline")
    for call in ("secretsmanager.GetSecretValue", "logs.DescribeLogGroups"):
        pipeline._aws.session.events.register_first(f"before-send.{call}", refuse)

    page = open_page("stack")

    assert [box.value for box in page.warning] == ["12 of 13 resources are there: 1 cannot be read."]
    found = standings(page)
    assert found[DEFAULT.log_group("us-west-2")] == "? cannot be read"
    assert found[DEFAULT.secret] == "✓ as declared"
    assert found[DEFAULT.pipe(names.CACHE_PUT)] == "✓ as declared"
    said = words(page)
    assert "AccessDeniedException: not authorized to perform this" in said
    assert said.count("The Momento key in it may not be read with these rights, so it is not compared.") == 2


def test_a_stack_that_nobody_made_says_how_to_make_it(
    own_target: SandboxState, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STACK_PREFIX", "nobody")

    page = open_page("stack")

    assert [box.value for box in page.error] == ["0 of 13 resources are there: 13 are missing."]
    assert "Nothing of the stack is there to be compared." in words(page)
    assert "python -m provision up --prefix nobody --profile original" in [block.value for block in page.code]
    assert "Stack nobody-weather-stats-demo" in words(page.sidebar)


@pytest.fixture(scope="module")
def prefixed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[SandboxState, str]]:
    """A sandbox whose stack has a prefix, as the one that a dashboard with STACK_PREFIX starts."""
    folder = tmp_path_factory.mktemp("prefixed")
    with running_sandbox(folder, "--prefix=team-1") as running:
        yield running.state, str(folder)


def test_a_dashboard_looks_at_the_stack_of_its_prefix(
    prefixed: tuple[SandboxState, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_DIR", prefixed[1])
    monkeypatch.setenv("TARGET", "sandbox")
    monkeypatch.setenv("STACK_PREFIX", "team-1")

    page = open_page("stack")
    overview = open_page("overview")

    assert [box.value for box in page.success] == ["13 of 13 resources are there, no drift."]
    assert "Stack: team-1-weather-stats-demo" in words(page)
    assert "python -m provision up --prefix team-1 --profile original" in [block.value for block in page.code]
    assert "Stack team-1-weather-stats-demo" in words(overview.sidebar)
    assert "Pipes: 3 of 3 running" in words(overview.sidebar)


def test_a_record_travels_through_a_stack_with_a_prefix(prefixed: tuple[SandboxState, str]) -> None:
    state, _ = prefixed
    names.choose(StackNames("team-1"))
    with running_pipeline(state) as pipeline:
        came = put_and_follow(pipeline, WeatherRecord("Oslo", Decimal(60), Decimal(40), Decimal(10), 600))

        assert came.complete
        assert pipeline.cache.get("team-1-momento-eventbridge-cache", "Oslo").hit
