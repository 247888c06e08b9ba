"""Every page, on a screen and on a phone, light and dark: it fits, says what it is, and axe finds nothing grave."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from core.aws import Aws
from core.names import QUEUE, TABLE
from sandbox.state import SandboxState
from services.audit.log import Audit
from tests.conftest import AwsClients
from tests.support.accessibility import expect_fit_for_everybody, violations
from tests.support.running_pipeline import aws_access
from tests.support.viewer import PAGES, expect_no_failure, go_to, open_page
from tests.support.wire import dead_letter, item, publish

#: What each page shows once it is complete.
CONTENT = {
    "": ".pp a",
    "weather": "[data-testid=stDataFrame]",
    "lookup": "[role=tab]",
    "live-topic": "section.board[data-state=live] .events tbody tr",
    "pipes": "[data-testid=stDataFrame]",
    "logs": "[data-testid=stDataFrame]",
    "checks": "[data-testid=stDataFrame]",
    "dead-letters": "[class*=st-key-letters_table_] [data-testid=stDataFrame]",
    "stack": "[data-testid=stDataFrame]",
    "audit": "[data-testid=stDataFrame]",
    "sandbox": "[data-testid=stDataFrame]",
}


@pytest.fixture(scope="module")
def something_to_show(sandbox_stack: SandboxState, aws: AwsClients) -> None:
    """A record, events, and dead letters with long words in them."""
    town = f"Llanfairpwll{'gwyngyll' * 12}"
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(town))
    publish(sandbox_stack, "x" * 3000)
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=QUEUE)["QueueUrl"]
    for body in (dead_letter("weather-stats-demo-cache-put-pipe"), "x" * 3000):
        sqs.send_message(QueueUrl=url, MessageBody=body)
    clients = Aws(aws_access(sandbox_stack))
    act = Audit(clients).begin("Repair dead letters", "ann@example.com", "w" * 400, messages=1)
    act.end("1 repaired.", [{"message": "m" * 36, "keys": [town], "fate": "repaired"}])
    clients.close()


def _go_to(page: Page, title: str, width: int) -> None:
    """In the same session, which costs a quarter of loading the page. Streamlit closes the sidebar for phones only."""
    if width == 390:
        page.get_by_role("button", name="Expand sidebar").click()
    go_to(page, title)
    if width == 390:
        page.get_by_role("button", name="Collapse sidebar").click()
        expect(page.get_by_role("button", name="Expand sidebar")).to_be_visible()


@pytest.mark.usefixtures("something_to_show")
@pytest.mark.timeout(300)
@pytest.mark.parametrize("width", [1440, 390])
def test_every_page_fits_and_shuts_nobody_out_in_light_and_in_dark(
    page: Page, dashboard_url: str, console_errors: list[str], width: int
) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    open_page(page, dashboard_url, "")
    for path, title in PAGES.items():
        if path:
            _go_to(page, title, width)
        expect(page.locator(CONTENT[path]).first).to_be_visible()
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        expect_fit_for_everybody(page, title)
    expect_no_failure(page, console_errors)


def test_a_violation_of_ours_would_be_found(page: Page, dashboard_url: str) -> None:
    open_page(page, dashboard_url, "")

    page.evaluate("() => document.querySelector('[data-testid=stMain]').append(document.createElement('button'))")

    assert [violation.split()[0] for violation in violations(page)] == ["button-name"]


def test_answers_carry_the_security_headers(page: Page, dashboard_url: str) -> None:
    for path in ("", "weather", "_stcore/health"):
        answer = page.request.get(f"{dashboard_url}/{path}")

        headers = answer.headers
        policy = headers["content-security-policy"]
        assert "default-src 'self'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-eval" not in policy.replace("wasm-unsafe-eval", "")
        assert "'unsafe-inline'" not in policy.split("script-src")[1].split(";")[0]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["referrer-policy"] == "no-referrer"


def test_a_script_that_is_not_ours_does_not_run(page: Page, dashboard_url: str, console_errors: list[str]) -> None:
    open_page(page, dashboard_url, "")

    page.evaluate("() => document.body.append(Object.assign(document.createElement('script'), {text: 'planted = 1'}))")

    assert page.evaluate("() => typeof planted") == "undefined"
    assert any("Content Security Policy" in error for error in console_errors)
