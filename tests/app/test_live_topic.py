"""The page Live topic: what arrives, whatever it is."""

from __future__ import annotations

import uuid

from streamlit.testing.v1 import AppTest

from provision.names import TABLE
from sandbox.state import SandboxState
from tests.app.screen import metrics, open_page, ran, table
from tests.app.wire import item, publish
from tests.conftest import AwsClients, wait_until


def live_page() -> AppTest:
    """The page with its subscription live: what is published from now on arrives."""
    page = open_page("live_topic")
    wait_until(lambda: metrics(ran(page))["Subscription"] == "live", what="the subscription to be live")
    return page


def until_row(page: AppTest, column: str, value: str) -> dict[str, str]:
    """The row of the list that has this value, once it is there."""

    def found() -> list[dict[str, str]]:
        if not ran(page).dataframe:
            return []
        rows = table(page, "Events of the topic")
        return [
            {str(key): str(cell) for key, cell in row.items()} for row in rows[rows[column] == value].to_dict("records")
        ]

    row: dict[str, str] = wait_until(found, what=f"{value!r} in the list")[0]
    return row


def test_a_write_arrives_as_a_row_and_in_the_chart(aws: AwsClients, sandbox_target: SandboxState) -> None:
    page = live_page()
    town = f"Hamar {uuid.uuid4().hex[:8]}"

    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(town, MaxTemp="61.5"))

    row = until_row(page, "Location", town)
    assert row["Event"] == "INSERT"
    assert row["Maximum, °F"] == "61.5"
    assert row["Remark"] == ""
    (temperatures,) = [
        chart for chart in page.get("vega_lite_chart") if chart.proto.alt == "Temperatures by location over time"
    ]
    assert town.encode() in temperatures.proto.data.data


def test_a_message_that_is_no_weather_is_listed_with_what_is_odd(sandbox_target: SandboxState) -> None:
    page = live_page()
    odd = f"not JSON {uuid.uuid4().hex}"

    publish(sandbox_target, odd)

    row = until_row(page, "Payload", odd)
    assert row["Event"] == "other"
    assert row["Remark"] == "not JSON"
