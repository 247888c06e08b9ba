"""The page Weather: what it accepts, what it refuses and where it says so, and what it shows of a write's way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.names import TABLE
from services.app.runtime import registry
from tests.conftest import AwsClients, wait_until
from tests.support.screen import open_page, ran, table, type_into, words

pytestmark = pytest.mark.usefixtures("empty_table")


@pytest.fixture(scope="module", autouse=True)
def fresh_runtime() -> Iterator[None]:
    """One runtime for all of this module: what these tests assert does not hang on what others of them did."""
    yield
    registry().close()


GOOD: dict[str, Any] = {
    "weather_location": "Trondheim",
    "weather_max": 61.5,
    "weather_min": 48.0,
    "weather_chance": 35.0,
    "weather_ttl": 120,
}


def fill(page: AppTest, **values: Any) -> AppTest:
    for key, value in {**GOOD, **values}.items():
        inputs = page.text_input if key == "weather_location" else page.number_input
        inputs(key=key).set_value(value)
    return page


def click(page: AppTest, label: str) -> AppTest:
    (button,) = [button for button in page.button if button.label == label]
    return ran(button.click())


def save(page: AppTest, **values: Any) -> AppTest:
    return click(fill(page, **values), "Save record")


def items(aws: AwsClients) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws.client("dynamodb").scan(TableName=TABLE)["Items"]
    return found


@pytest.mark.parametrize(
    ("wrong", "field", "message"),
    [
        ({"weather_location": ""}, "Location", "Location is empty."),
        ({"weather_location": "x" * 129}, "Location", "Location has 129 characters. At most 128 are allowed."),
        ({"weather_location": 'Say "hi"'}, "Location", "quotation mark or a backslash"),
        ({"weather_location": "Oslo\u202eolsO"}, "Location", "invisible character"),
        ({"weather_max": 40.0, "weather_min": 50.0}, "MaxTemp", "is 40 °F, below the minimum of 50 °F."),
        ({"weather_max": None}, "MaxTemp", "Maximum temperature is not given. Enter a number."),
        ({"weather_max": 201.0}, "MaxTemp", "Allowed are -200 to 200 °F."),
        ({"weather_min": 48.123}, "MinTemp", "At most two decimal places are allowed."),
        ({"weather_chance": -1.0}, "ChancesOfPrecipitation", "is -1 %. Allowed are 0 to 100 %."),
        ({"weather_chance": 100.5}, "ChancesOfPrecipitation", "is 100.5 %. Allowed are 0 to 100 %."),
        ({"weather_ttl": 0}, "TTL", "is 0 s. Allowed are 1 to 86400 s."),
        ({"weather_ttl": 86_401}, "TTL", "is 86401 s."),
    ],
)
def test_a_bad_input_gets_its_message_at_its_field_and_nothing_is_written(
    aws: AwsClients, wrong: dict[str, Any], field: str, message: str
) -> None:
    page = save(open_page("weather"), **wrong)

    assert message in words(page.get_by_key(f"problem_{field}"))
    assert words(page).count("Not accepted") == 1
    assert items(aws) == []


def test_every_bad_input_is_said_at_once(aws: AwsClients) -> None:
    page = save(
        open_page("weather"), weather_location="", weather_max=1.0, weather_min=2.0, weather_chance=101.0, weather_ttl=0
    )

    for field in ("Location", "MaxTemp", "ChancesOfPrecipitation", "TTL"):
        assert "Not accepted" in words(page.get_by_key(f"problem_{field}"))
    assert items(aws) == []


def test_a_message_goes_when_its_input_is_right(aws: AwsClients) -> None:
    page = save(open_page("weather"), weather_chance=101.0)

    page = save(page)

    assert "Not accepted" not in words(page)
    assert len(items(aws)) == 1


def arrived(page: AppTest) -> AppTest:
    """The page as it is drawn when the newest write has come to its end, in the pipes' log, too."""
    journey = page.session_state["weather_journeys"][-1]
    wait_until(lambda: journey.way.ended, what="the write to arrive")
    return ran(page)


def test_a_good_record_is_written_and_all_its_steps_are_shown(aws: AwsClients) -> None:
    page = save(open_page("weather"), weather_location="  Trondheim ")
    assert "DynamoDB acknowledged it in" in words(page.get_by_key("propagation"))
    page = arrived(page)

    assert items(aws) == [
        {
            "Location": {"S": "Trondheim"},
            "MaxTemp": {"N": "61.5"},
            "MinTemp": {"N": "48"},
            "ChancesOfPrecipitation": {"N": "35"},
            "TTL": {"N": "120"},
        }
    ]
    shown = words(page.get_by_key("propagation"))
    assert "Inserted: Trondheim" in shown
    for step in (
        "DynamoDB acknowledged the write",
        "Stream record written",
        "cache-put started",
        "cache-put called its target",
        "cache-put succeeded",
        "topic-publish started",
        "topic-publish called its target",
        "topic-publish succeeded",
        "Topic event received",
        "Cache item readable",
    ):
        assert f"✓ {step}" in shown
    assert shown.count(", p95 ") == 9, "the stream's whole seconds are not compared"
    assert "cache-delete" not in shown
    assert list(table(page, "Weather records")["Location"]) == ["Trondheim"]


def test_an_update_says_so_and_the_same_values_again_say_why_nothing_follows() -> None:
    page = save(open_page("weather"))

    page = save(page, weather_max=99.0)
    assert "Updated: Trondheim" in words(page.get_by_key("propagation"))

    page = save(page, weather_max=99.0)
    shown = words(page.get_by_key("propagation"))
    assert "already had these values" in shown
    assert "Topic event received" not in shown


def test_random_values_are_ones_that_are_accepted(aws: AwsClients) -> None:
    page = click(open_page("weather"), "Fill with random values")

    page = click(page, "Save record")

    assert "Not accepted" not in words(page)
    assert [item["Location"]["S"] for item in items(aws)] == [page.text_input(key="weather_location").value]


def test_a_delete_is_asked_back_and_then_done_and_followed(aws: AwsClients) -> None:
    page = save(open_page("weather"))
    type_into(page.selectbox(key="weather_delete"), "Trondheim")

    page = click(page, "Delete record")
    assert len(items(aws)) == 1

    page = arrived(ran(page.button(key="weather_delete_yes").click()))
    assert items(aws) == []
    shown = words(page.get_by_key("propagation"))
    for step in ("DynamoDB acknowledged the write", "Topic event received", "Cache item removed"):
        assert f"✓ {step}" in shown
    assert "There are none yet." in words(page)


def test_a_delete_that_is_thought_better_of_keeps_the_record(aws: AwsClients) -> None:
    page = save(open_page("weather"))
    type_into(page.selectbox(key="weather_delete"), "Trondheim")
    page = click(page, "Delete record")

    page = ran(page.button(key="weather_delete_no").click())

    assert len(items(aws)) == 1
    assert "weather_delete_yes" not in [button.key for button in page.button]


def test_deleting_what_is_gone_by_now_says_that_nothing_follows(aws: AwsClients) -> None:
    page = save(open_page("weather"))
    type_into(page.selectbox(key="weather_delete"), "Trondheim")
    page = click(page, "Delete record")
    aws.client("dynamodb").delete_item(TableName=TABLE, Key={"Location": {"S": "Trondheim"}})

    page = ran(page.button(key="weather_delete_yes").click())

    assert "There was no such record" in words(page.get_by_key("propagation"))


def test_a_delete_without_a_location_is_refused_at_its_field() -> None:
    page = click(open_page("weather"), "Delete record")

    assert "Location is empty." in words(page.get_by_key("problem_delete"))
    assert "weather_delete_yes" not in [button.key for button in page.button]
