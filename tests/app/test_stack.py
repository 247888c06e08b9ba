"""The page Stack: as declared, drifted, absent, and with what may not be read; and a dashboard with STACK_PREFIX."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from streamlit.testing.v1 import AppTest

from bench.stack import RunningSandbox, running_sandbox
from core import names
from core.names import StackNames
from sandbox.state import SandboxState
from services.app.runtime import registry
from services.weather.table import WeatherRecord
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import put_and_follow, running_pipeline
from tests.support.screen import navigation, open_page, ran, table, words

STACK = StackNames("team-1")


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory, no_real_account: None) -> Iterator[RunningSandbox]:
    """A sandbox whose stack has a prefix, as the one that a dashboard with STACK_PREFIX starts."""
    with running_sandbox(tmp_path_factory.mktemp("prefixed"), "--prefix=team-1") as running:
        yield running


@pytest.fixture
def target(own_target: SandboxState, monkeypatch: pytest.MonkeyPatch) -> SandboxState:
    """That sandbox and its stack as this process's target."""
    monkeypatch.setenv("STACK_PREFIX", STACK.prefix)
    return own_target


def open_against(profile: str) -> AppTest:
    """The page, held against that profile."""
    screen = ran(navigation())
    screen.query_params["compare"] = profile
    return ran(screen.switch_page("stack/page.py"))


def standings(page: AppTest) -> dict[str, str]:
    """Name → how the resource compares."""
    rows = table(page, "Resources")
    return dict(zip(rows["Name"], rows["Compared"], strict=True))


def test_a_stack_as_declared_is_told_in_one_line_with_names_and_commands(target: SandboxState) -> None:
    page = open_page("stack")

    said = words(page)
    assert [box.value for box in page.success] == ["13 of 13 resources are there, no drift."]
    assert "Every attribute is as the profile original declares it." in said
    assert "Read just now, for all viewers together." in said
    assert "Project: weather-pipeline-dashboard\nStack: team-1-weather-stats-demo" in said
    assert set(standings(page).values()) == {"✓ as declared"}
    codes = [block.value for block in page.code]
    assert "python -m provision plan --prefix team-1 --profile original" in codes
    assert target.momento_api_key not in said


def test_outputs_are_drawn_when_somebody_opens_them(target: SandboxState) -> None:
    page = open_page("stack")
    assert STACK.queue not in [block.value for block in page.code]

    page.session_state["stack_outputs"] = True
    codes = [block.value for block in ran(page).code]

    assert {STACK.queue, STACK.topic, target.momento_http_endpoint} < set(codes)
    assert any(code.startswith("arn:aws:dynamodb:us-west-2:") and "/stream/" in code for code in codes)


def test_nothing_on_the_page_changes_the_stack(target: SandboxState) -> None:
    page = open_page("stack")

    assert [button.label for button in page.main.button] == ["Refresh"]


def test_against_production_the_original_stack_differs_and_alarms_are_missing(target: SandboxState) -> None:
    page = open_against("production")

    assert re.match(r"13 of \d\d resources are there: \d are missing, \d differ\.", page.error[0].value)
    assert "python -m provision up --prefix team-1 --profile production" in [block.value for block in page.code]
    assert any(
        "SourceParameters.DynamoDBStreamParameters.MaximumRetryAttempts: 10 → 0" in block.value for block in page.code
    )
    assert standings(page)[STACK.table] == "▲ differs"


@pytest.fixture
def own_clients(target: SandboxState) -> Iterator[AwsClients]:
    """Clients of that sandbox."""
    clients = AwsClients(target)
    yield clients
    clients.close()


def test_what_somebody_changed_is_drift_after_a_refresh_and_what_is_gone_is_missing(own_clients: AwsClients) -> None:
    logs, events = own_clients.client("logs"), own_clients.client("events")
    group, destination = STACK.log_group("us-west-2"), STACK.api_destination(names.CACHE_DELETE)
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
        assert found[STACK.pipe(names.CACHE_DELETE)] == "✓ as declared"
        assert "what it refers to is missing or cannot be read: Target." in words(page)
    finally:
        logs.put_retention_policy(logGroupName=group, retentionInDays=90)
        given = ("Name", "Description", "ConnectionArn", "InvocationEndpoint", "HttpMethod")
        events.create_api_destination(**{key: kept[key] for key in given})


IN_JSON = b'{"__type": "AccessDeniedException", "message": "not authorized to perform this"}'
IN_XML = (
    b"<ErrorResponse><Error><Code>AccessDenied</Code><Message>not authorized to perform this</Message></Error>"
    b"</ErrorResponse>"
)


def refuse(call: str, body: bytes) -> None:
    """From now on AWS answers this call as it does to credentials whose policy lacks the right."""

    class Raw:
        def stream(self, *_: Any, **__: Any) -> Iterator[bytes]:
            yield body

    pipeline = wait_until(lambda: registry().current().pipeline(), what="the pipeline")
    pipeline._aws.session.events.register_first(
        f"before-send.{call}", lambda request, **_: AWSResponse(request.url, 403, {}, Raw())
    )


def test_what_may_not_be_read_says_so_and_hides_no_other(target: SandboxState) -> None:
    for call in ("secretsmanager.GetSecretValue", "logs.DescribeLogGroups"):
        refuse(call, IN_JSON)

    page = open_page("stack")

    assert [box.value for box in page.warning] == ["12 of 13 resources are there: 1 cannot be read."]
    found = standings(page)
    assert found[STACK.log_group("us-west-2")] == "? cannot be read"
    assert found[STACK.secret] == "✓ as declared"
    assert found[STACK.pipe(names.CACHE_PUT)] == "✓ as declared"
    said = words(page)
    assert "AccessDeniedException: not authorized to perform this" in said
    assert said.count("The Momento key in it may not be read with these rights, so it is not compared.") == 2


def test_without_any_right_the_page_says_so_and_keeps_its_button_and_its_commands(target: SandboxState) -> None:
    refuse("sts.GetCallerIdentity", IN_XML)

    page = open_page("stack")

    assert [box.value for box in page.error] == ["Refused"]
    assert page.button(key="refresh_stack").label == "Refresh"
    assert "python -m provision plan --prefix team-1 --profile original" in [block.value for block in page.code]


def test_a_stack_that_nobody_made_says_how_to_make_it(target: SandboxState, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STACK_PREFIX", "nobody")

    page = open_page("stack")

    assert [box.value for box in page.error] == ["0 of 13 resources are there: 13 are missing."]
    assert "Nothing of the stack is there to be compared." in words(page)
    assert "python -m provision up --prefix nobody --profile original" in [block.value for block in page.code]
    assert "Stack nobody-weather-stats-demo" in words(page.sidebar)


def test_the_sidebar_of_every_page_names_a_stack_with_a_prefix(target: SandboxState) -> None:
    sidebar = words(open_page("overview").sidebar)

    assert "Stack team-1-weather-stats-demo" in sidebar
    assert "Pipes: 3 of 3 running" in sidebar


def test_a_record_travels_through_a_stack_with_a_prefix(target: SandboxState) -> None:
    names.choose(STACK)
    with running_pipeline(target) as pipeline:
        came = put_and_follow(pipeline, WeatherRecord("Oslo", Decimal(60), Decimal(40), Decimal(10), 600))

        assert came.complete
        assert pipeline.cache.get("team-1-momento-eventbridge-cache", "Oslo").hit
