"""The page Live topic: what arrives, whatever it is; its filters, its pause, and the event that a viewer selects."""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from streamlit.testing.v1 import AppTest

from core.names import TABLE
from pages.live_topic.event import Selection
from pages.live_topic.export import events_of
from sandbox.state import SandboxState
from services.app.runtime import registry
from services.live import address
from services.topic.events import TopicEvent
from services.topic.subscription_state import FeedState
from tests.conftest import AwsClients, wait_until
from tests.support.screen import navigation, open_page, ran, table, words
from tests.support.wire import item, publish

STATE = "Refreshing each second"


def refreshed_page(**filters: Any) -> AppTest:
    """The page without push, its subscription live: what is published from now on arrives."""
    page = open_page("live_topic")
    page.toggle(key="push").set_value(False)
    for key, value in filters.items():
        page.multiselect(key=key).set_value(value)
    wait_until(lambda: STATE in words(ran(page)), what="the subscription to be live")
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


def until_received(raw: str) -> TopicEvent:
    """The event with this payload, once the feed has it."""
    feed = registry().current().pipeline().feed

    def found() -> list[TopicEvent]:
        return [event for event in feed.snapshot().events if event.raw == raw]

    event: TopicEvent = wait_until(found, what="the event in the feed")[0]
    return event


def charts(page: AppTest) -> dict[str, Any]:
    """The charts of a page by their accessible names."""
    found: list[Any] = list(page.get("vega_lite_chart"))
    return {chart.proto.alt: chart.proto for chart in found}


def boards(page: AppTest) -> list[Any]:
    """The boards on a page, which draw by push."""
    return [element.proto for element in page.get("bidi_component")]


def town() -> str:
    """A location that no other test has used."""
    return f"Hamar {uuid.uuid4().hex[:8]}"


def test_the_page_is_drawn_by_push_unless_a_viewer_wants_it_otherwise(sandbox_target: SandboxState) -> None:
    page = open_page("live_topic")

    (board,) = boards(page)
    assert '"url":"/live/updates?window=5m"' in board.json.replace(" ", "")
    assert not charts(page)

    ran(page.toggle(key="push").set_value(False))

    assert not boards(page)
    assert STATE in words(page)


def test_a_browser_that_cannot_have_the_stream_gets_the_refreshed_page(sandbox_target: SandboxState) -> None:
    page = open_page("live_topic")
    page.session_state["topic_unavailable"] = "This browser cannot receive pushed updates."

    ran(page)

    assert "This browser cannot receive pushed updates. The page refreshes each second instead." in words(page)
    assert STATE in words(page)
    assert not boards(page)


def test_a_link_shows_the_view_that_it_names(sandbox_target: SandboxState) -> None:
    page = navigation()
    page.query_params["window"] = "1h"
    page.query_params["location"] = ["Oslo", "Bergen"]
    page.query_params["type"] = ["REMOVE"]

    ran(ran(page).switch_page("live_topic/page.py"))

    (board,) = boards(page)
    assert "/live/updates?window=1h&location=Bergen&location=Oslo&type=REMOVE" in board.json


def test_a_location_that_no_record_can_have_is_told(sandbox_target: SandboxState) -> None:
    page = open_page("live_topic")

    page.multiselect(key="location").options.append("x" * 129)
    ran(page.multiselect(key="location").set_value(["x" * 129]))

    assert "A location has 1 to 128 characters." in words(page)
    assert not boards(page)


def test_a_write_arrives_as_a_row_and_in_the_charts(aws: AwsClients, sandbox_target: SandboxState) -> None:
    page, name = refreshed_page(), town()

    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(name, MaxTemp="61.5"))

    row = until_row(page, "Location", name)
    assert row["Event"] == "INSERT"
    assert row["Maximum, °F"] == "61.5"
    assert row["Remark"] == ""
    # Only the locations with the most events are drawn, and other tests have written others.
    page.multiselect(key="location").set_value([name])
    drawn = charts(ran(page))
    assert name.encode() in drawn["Temperatures by location over time"].data.data
    assert "Events by type over time" in drawn
    newest = table(page, "Newest value")
    assert list(newest[newest["Location"] == name]["Event"]) == ["INSERT"]


def test_only_what_the_filters_name_is_shown(aws: AwsClients, sandbox_target: SandboxState) -> None:
    mine, other = town(), town()
    page = open_page("live_topic")
    page.multiselect(key="location").options.append(mine)
    page.multiselect(key="location").set_value([mine])
    page.multiselect(key="type").set_value(["REMOVE"])
    page.toggle(key="push").set_value(False)
    ran(page)
    dynamodb = aws.client("dynamodb")
    dynamodb.put_item(TableName=TABLE, Item=item(other))
    dynamodb.put_item(TableName=TABLE, Item=item(mine))
    dynamodb.delete_item(TableName=TABLE, Key={"Location": {"S": mine}})

    row = until_row(page, "Location", mine)

    assert row["Event"] == "REMOVE"
    assert list(table(page, "Events of the topic")["Location"]) == [mine]
    assert other.encode() not in charts(page)["Temperatures by location over time"].data.data


def test_a_message_that_is_no_weather_is_listed_with_what_is_odd(sandbox_target: SandboxState) -> None:
    page = refreshed_page(type=["other"])
    odd = f"not JSON {uuid.uuid4().hex}"

    publish(sandbox_target, odd)

    until_received(odd)
    assert until_row(page, "Event", "other")["Remark"] == "not JSON"


def test_a_paused_page_stands_still_and_counts_what_comes_of_its_view(sandbox_target: SandboxState) -> None:
    name, other = town(), town()
    page = open_page("live_topic")
    page.multiselect(key="location").options.append(name)
    page.multiselect(key="location").set_value([name])
    ran(page.toggle(key="push").set_value(False))
    wait_until(lambda: STATE in words(ran(page)), what="the subscription to be live")
    first, second = (json.dumps({"EventType": "REMOVE", "Location": name, "Number": number}) for number in (1, 2))
    publish(sandbox_target, first)
    until_row(page, "Location", name)
    ran(page.button(key="topic_pause").click())

    elsewhere = json.dumps({"EventType": "REMOVE", "Location": other})
    publish(sandbox_target, elsewhere, second)
    until_received(elsewhere)
    until_received(second)

    assert "Paused, 1 new event" in words(ran(page))
    assert len(table(page, "Events of the topic")) == 1
    ran(page.button(key="topic_resume").click())
    assert STATE in words(page)
    wait_until(lambda: len(table(ran(page), "Events of the topic")) == 2, what="the second event")


def test_a_selected_event_shows_its_payload_and_its_record_as_it_is_now(
    aws: AwsClients, sandbox_target: SandboxState
) -> None:
    page, name = refreshed_page(), town()
    dynamodb = aws.client("dynamodb")
    dynamodb.put_item(TableName=TABLE, Item=item(name, MaxTemp="61"))
    until_row(page, "Location", name)
    dynamodb.put_item(TableName=TABLE, Item=item(name, MaxTemp="62"))
    wait_until(lambda: list(_of(ran(page), name)["Event"]) == ["MODIFY", "INSERT"], what="the second event")
    place = list(table(page, "Events of the topic")["Location"]).index(name) + 1

    page.session_state["topic_events_0"] = {"selection": {"rows": [place], "columns": [], "cells": []}}
    ran(page)

    said = words(page)
    assert "Selected event" in said
    assert f'"Location": "{name}"' in said
    assert '"MaxTemp": "61"' in said
    assert '"MaxTemp": "62"' in page.json[0].value.replace('":"', '": "')


def _of(page: AppTest, name: str) -> Any:
    rows = table(page, "Events of the topic")
    return rows[rows["Location"] == name]


def test_an_event_that_has_left_the_memory_is_told(sandbox_target: SandboxState) -> None:
    page = open_page("live_topic")

    page.session_state["topic_selection"] = Selection("1-99", None, None, None, 0.0)
    ran(page)

    assert "The event has left the memory of this dashboard." in words(page)


def test_the_events_of_a_view_can_be_taken_away(sandbox_target: SandboxState) -> None:
    page, name = open_page("live_topic"), town()
    feed = registry().current().pipeline().feed
    wait_until(lambda: feed.status().state is FeedState.LIVE, what="the subscription to be live")
    payload = json.dumps({"EventType": "REMOVE", "Location": name})
    publish(sandbox_target, "something else", payload)
    event = until_received(payload)

    buttons: list[Any] = list(ran(page).get("download_button"))

    assert [button.proto.label for button in buttons] == ["CSV", "JSON lines", "Parquet"]
    assert events_of(feed, address.view("1m", [name], []), time.time()) == [event]
    assert events_of(feed, address.view("1m", [name], []), time.time() + 61) == []
