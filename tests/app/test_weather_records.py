"""The page Weather beyond its form: paging, search, edited cells, conflicts, units, many deletes, files."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from streamlit.config import get_option, set_option
from streamlit.testing.v1 import AppTest

from bench.stack import running_sandbox
from core.names import TABLE
from services.app.runtime import registry
from services.weather.batch_writes import BatchWrites
from services.weather.changes import Change
from tests.app.test_weather import GOOD, click, fill, items, save
from tests.conftest import AwsClients, aim_at, wait_until
from tests.support.screen import metrics, open_page, ran, table, type_into, words
from tests.support.wire import item

pytestmark = pytest.mark.usefixtures("empty_table")

HEADER = "location,max_temp,min_temp,chance,ttl\n"


@pytest.fixture(scope="module", autouse=True)
def fresh_runtime() -> Iterator[None]:
    """One runtime for all of this module, as in test_weather.py."""
    yield
    registry().close()


def put(aws: AwsClients, *records: dict[str, Any]) -> None:
    for record in records:
        aws.client("dynamodb").put_item(TableName=TABLE, Item=record)


def stored(aws: AwsClients, location: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = (
        aws.client("dynamodb").get_item(TableName=TABLE, Key={"Location": {"S": location}}).get("Item")
    )
    return found


def edit(page: AppTest, cells: dict[int, dict[str, Any]]) -> AppTest:
    """The page after cells of its table were edited: row -> column -> value."""
    (editor,) = page.data_editor
    page.session_state[editor.key] = {"edited_rows": cells, "added_rows": [], "deleted_rows": []}
    return ran(page)


def labels(page: AppTest) -> list[str]:
    return [button.label for button in page.button]


def test_what_reads_in_the_background_asks_nothing_of_the_viewer(
    aws: AwsClients, caplog: pytest.LogCaptureFixture
) -> None:
    put(aws, item("Oslo"))

    assert "Oslo" in set(table(open_page("weather"), "Weather records")["Location"])

    # Streamlit says so of each thread that asks for a session and has none.
    assert [record.message for record in caplog.records if "'shared read'" in record.getMessage()] == []


def test_a_table_of_any_size_is_shown_page_by_page(aws: AwsClients) -> None:
    put(aws, *(item(f"Town {number:03}") for number in range(60)))
    page = open_page("weather")
    page = ran(page.selectbox(key="weather_size").set_value(25))
    first = set(table(page, "Weather records")["Location"])
    assert "Page 1: 25 records read so far" in words(page)
    assert "read unit" in words(page)

    page = click(page, "Next page")
    second = set(table(page, "Weather records")["Location"])
    page = click(page, "Next page")
    third = set(table(page, "Weather records")["Location"])
    assert "Page 3: 60 records read so far" in words(page)
    assert [button.disabled for button in page.button if button.label == "Next page"] == [True]

    assert (len(first), len(second), len(third)) == (25, 25, 10)
    assert first | second | third == {f"Town {number:03}" for number in range(60)}

    page = click(page, "Previous page")
    assert set(table(page, "Weather records")["Location"]) == second
    assert "Page 2: 50 records read so far" in words(page)


def test_a_search_goes_on_step_by_step(aws: AwsClients, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("services.weather.paging.SEARCH_STEP", 20)
    put(aws, *(item(f"Town {number:03}") for number in range(45)), item("Oslo"), item("Os"))

    page = ran(open_page("weather").text_input(key="weather_prefix").set_value("Os"))
    assert "Os" in list(table(page, "Weather records")["Location"]), "the record of just this name is found at once"
    assert "Read 20 of about " in words(page)
    assert "There may be more: go on." in words(page)
    while not [button for button in page.button if button.label == "Continue the search"][0].disabled:
        page = click(page, "Continue the search")

    assert list(table(page, "Weather records")["Location"]) == ["Os", "Oslo"]
    assert re.search("Read 47 of about [0-9]+, 2 found", words(page))
    page = click(page, "Back to all records")
    assert "Page 1: 47 records" in words(page)


def test_an_edited_cell_is_written_and_the_rest_of_the_record_stays(aws: AwsClients) -> None:
    put(aws, {**item("Oslo"), "Station": {"S": "Blindern"}}, item("Bergen"))
    page = open_page("weather")
    assert list(table(page, "Weather records")["Other attributes"]) == ["", "Station"]

    page = click(edit(page, {1: {"MaxTemp": 75.5, "TTL": 60}}), "Save 1 changed row")

    assert stored(aws, "Oslo") == {**item("Oslo", MaxTemp="75.5", TTL="60"), "Station": {"S": "Blindern"}}
    assert stored(aws, "Bergen") == item("Bergen")
    assert "Updated: Oslo" in words(page.get_by_key("propagation"))
    assert list(table(page, "Weather records")["MaxTemp"]) == ["70.0", "75.5"]


def test_when_one_edited_row_is_wrong_none_is_written_and_each_problem_is_told(aws: AwsClients) -> None:
    put(aws, item("Oslo"), item("Bergen"))
    page = edit(open_page("weather"), {0: {"MaxTemp": 80.0}, 1: {"MaxTemp": 10.0, "TTL": None}})

    page = click(page, "Save 2 changed rows")

    said = words(page.get_by_key("row_problems"))
    assert "Oslo: Maximum temperature is 10 °F, below the minimum of 50 °F." in said
    assert "Oslo: Time to live in the cache is not given." in said
    assert stored(aws, "Bergen") == item("Bergen")


def test_a_row_that_somebody_changed_is_shown_from_both_sides_and_theirs_can_be_taken(aws: AwsClients) -> None:
    put(aws, item("Oslo"), item("Bergen"))
    page = edit(open_page("weather"), {0: {"MaxTemp": 80.0}, 1: {"MaxTemp": 75.0}})
    put(aws, item("Oslo", MaxTemp="66"))

    page = click(page, "Save 2 changed rows")

    assert stored(aws, "Bergen") == item("Bergen", MaxTemp="80")
    assert stored(aws, "Oslo") == item("Oslo", MaxTemp="66")
    said = words(page.get_by_key("conflict_0"))
    assert "Somebody changed this record since you loaded it. Nothing was written." in said
    assert "Oslo" in said
    sides = table(page, "Your values").set_index("Field").loc["Maximum temperature"]
    assert list(sides) == ["70 °F", "75 °F", "66 °F"]

    page = click(page, "Take theirs")
    assert stored(aws, "Oslo") == item("Oslo", MaxTemp="66")
    assert "Take theirs" not in labels(page)
    assert list(table(page, "Weather records")["MaxTemp"]) == ["80.0", "66.0"]


def test_mine_can_be_written_over_theirs_unless_they_change_it_again(aws: AwsClients) -> None:
    put(aws, item("Oslo"))
    page = edit(open_page("weather"), {0: {"MaxTemp": 75.0}})
    put(aws, {**item("Oslo", MaxTemp="66"), "Station": {"S": "Blindern"}})
    page = click(page, "Save 1 changed row")
    put(aws, {**item("Oslo", MaxTemp="67"), "Station": {"S": "Blindern"}})

    page = click(page, "Write mine over it")
    assert stored(aws, "Oslo") == {**item("Oslo", MaxTemp="67"), "Station": {"S": "Blindern"}}
    assert list(table(page, "Your values")["Theirs"]).count("67 °F") == 1

    page = click(page, "Write mine over it")
    assert stored(aws, "Oslo") == {**item("Oslo", MaxTemp="75"), "Station": {"S": "Blindern"}}
    assert "Write mine over it" not in labels(page)


def test_a_new_record_over_one_that_was_not_loaded_is_asked_about_first(aws: AwsClients) -> None:
    put(aws, item("Trondheim"))

    page = save(open_page("weather"))

    assert stored(aws, "Trondheim") == item("Trondheim")
    assert "There is a record of this location that you have not seen." in words(page.get_by_key("conflict_0"))
    page = click(page, "Write mine over it")
    assert stored(aws, "Trondheim") == item(
        "Trondheim", MaxTemp="61.5", MinTemp="48", ChancesOfPrecipitation="35", TTL="120"
    )
    # What was written is what is loaded now.
    page = save(page, weather_max=62.0)
    assert "Write mine over it" not in labels(page)
    assert stored(aws, "Trondheim") is not None


def load(page: AppTest, location: str) -> AppTest:
    return ran(type_into(page.selectbox(key="weather_load"), location))


def test_a_record_is_loaded_into_the_form_and_saved_only_if_it_still_is_so(aws: AwsClients) -> None:
    put(aws, item("Oslo", MaxTemp="70.25"))
    page = load(open_page("weather"), "Oslo")
    assert page.number_input(key="weather_max").value == 70.25
    put(aws, item("Oslo", MaxTemp="66"))

    page.number_input(key="weather_chance").set_value(90.0)
    page = click(page, "Save record")

    assert stored(aws, "Oslo") == item("Oslo", MaxTemp="66")
    page = click(page, "Take theirs")
    assert page.number_input(key="weather_max").value == 66
    page.number_input(key="weather_chance").set_value(90.0)
    page = click(page, "Save record")
    assert stored(aws, "Oslo") == item("Oslo", MaxTemp="66", ChancesOfPrecipitation="90")


def test_loading_what_is_gone_says_so() -> None:
    page = load(open_page("weather"), "Atlantis")

    assert "The table has no record of this location any more." in words(page)


def test_in_celsius_the_form_and_the_table_follow_and_what_nobody_changed_stays(aws: AwsClients) -> None:
    put(aws, item("Oslo", MaxTemp="70.01", MinTemp="50.02"))
    page = load(open_page("weather"), "Oslo")

    page = ran(page.radio(key="unit").set_value("°C"))

    assert page.number_input(key="weather_max_c").value == 21.12
    assert page.number_input(key="weather_min_c").value == 10.01
    assert list(table(page, "Weather records")["MaxTemp"]) == ["21.12"]
    page.number_input(key="weather_chance").set_value(90.0)
    page = click(page, "Save record")
    assert stored(aws, "Oslo") == item("Oslo", MaxTemp="70.01", MinTemp="50.02", ChancesOfPrecipitation="90")

    page = click(edit(page, {0: {"MinTemp": -10.0}}), "Save 1 changed row")
    assert stored(aws, "Oslo") == item("Oslo", MaxTemp="70.01", MinTemp="14", ChancesOfPrecipitation="90")

    page = ran(page.radio(key="unit").set_value("°F"))
    assert page.number_input(key="weather_max").value == 70.01


def test_a_temperature_that_is_not_allowed_is_told_in_both_units(aws: AwsClients) -> None:
    page = ran(open_page("weather").radio(key="unit").set_value("°C"))
    for key, value in {**GOOD, "weather_max_c": 100.0, "weather_min_c": 5.0}.items():
        if key not in ("weather_max", "weather_min"):
            inputs = page.text_input if key == "weather_location" else page.number_input
            inputs(key=key).set_value(value)

    page = click(page, "Save record")

    assert "is 212 °F. Allowed are -200 to 200 °F." in words(page)
    assert "You entered 100 °C." in words(page)
    assert items(aws) == []


def job_ended(page: AppTest) -> AppTest:
    """The page as it is drawn when the job under way has ended."""
    job = registry().current().jobs.get(page.session_state["weather_job"])
    assert job is not None
    assert job.join(30)
    return ran(page)


def test_many_records_are_deleted_after_a_confirmation_that_names_them(aws: AwsClients) -> None:
    put(aws, item("Oslo"), item("Bergen"), item("Voss"))
    page = edit(open_page("weather"), {0: {"Select": True}, 2: {"Select": True}})

    page = click(page, "Delete 2 records")
    assert "Bergen\nVoss" in [code.value for code in page.code]
    assert len(items(aws)) == 3
    put(aws, item("Voss", MaxTemp="71"))

    page = job_ended(ran(page.button(key="weather_delete_many_yes").click()))

    assert sorted(record["Location"]["S"] for record in items(aws)) == ["Oslo", "Voss"]
    assert metrics(page) | {"Done": "1", "Changed by somebody else": "1", "Not known": "0", "Not done": "0"} == metrics(
        page
    )
    assert list(table(page, "Weather records")["Location"]) == ["Oslo", "Voss"]


def test_many_deletes_that_are_thought_better_of_delete_nothing(aws: AwsClients) -> None:
    put(aws, item("Oslo"))
    page = click(edit(open_page("weather"), {0: {"Select": True}}), "Delete 1 record")

    page = ran(page.button(key="weather_delete_many_no").click())

    assert len(items(aws)) == 1
    assert "weather_job" not in page.session_state


def upload(page: AppTest, text: str) -> AppTest:
    return ran(page.file_uploader(key="weather_file").set_value(("records.csv", text.encode(), "text/csv")))


def test_a_file_with_a_wrong_row_is_told_row_by_row_and_nothing_is_written(aws: AwsClients) -> None:
    page = upload(open_page("weather"), HEADER + "Oslo,70,50,10,3600\nBergen,warm,50,101,60\n")

    problems = table(page, "Problems of the file")
    assert list(problems["Line"]) == ["3", "3"]
    assert list(problems["Column"]) == ["max_temp", "chance"]
    assert list(problems["Value"]) == ["warm", "101"]
    assert list(problems["What is allowed"]) == ["Enter a number.", "Allowed are 0 to 100 %."]
    assert items(aws) == []
    assert "weather_job" not in page.session_state


def test_columns_of_a_file_that_are_not_read_are_named() -> None:
    page = upload(open_page("weather"), "location,max_temp,min_temp,chance,ttl,**wind**\nOslo,70,50,10,3600,5\n")

    assert "1 column of the file is not read:" in words(page)
    assert "**wind**" in [text.value for text in page.text]


def test_a_file_that_is_none_is_refused_in_words() -> None:
    page = upload(open_page("weather"), "name;temperature\nOslo;70\n")

    assert "The header has no column location, max_temp, min_temp, chance, ttl." in words(page)


def test_a_file_is_compared_shown_and_written(aws: AwsClients) -> None:
    put(aws, item("Oslo"), item("Bergen", MaxTemp="60"))
    rows = "Oslo,70,50,10,3600\nBergen,70,50,10,3600\nVoss,71,50,10,3600\n"

    page = job_ended(upload(open_page("weather"), HEADER + rows))

    assert metrics(page) | {"New": "1", "Changed": "1", "The same": "1"} == metrics(page)
    preview = table(page, "What the file would write")
    assert list(preview["Maximum, °F"]) == ["71", "60 → 70"]
    page = job_ended(click(page, "Write 2 records"))

    assert {record["Location"]["S"]: record["MaxTemp"]["N"] for record in items(aws)} == {
        "Oslo": "70",
        "Bergen": "70",
        "Voss": "71",
    }
    assert metrics(page)["Done"] == "2"
    assert list(table(page, "Weather records")["Location"]) == ["Bergen", "Oslo", "Voss"]
    (way,) = page.session_state["weather_job_ways"]
    wait_until(lambda: way.way.ended, what="the rows to arrive")
    assert list(table(ran(page), "How many rows have come where")["Rows"]) == ["all 2"] * 3


def test_writing_is_cancelled_between_two_transactions_and_the_rest_is_offered_as_a_file(
    aws: AwsClients, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = "".join(f"Town {number:05},70,50,10,3600\n" for number in range(1_000))
    page = job_ended(upload(open_page("weather"), HEADER + rows))
    begun, go_on = threading.Event(), threading.Event()
    transact = BatchWrites._transact

    def held(self: BatchWrites, batch: Sequence[Change]) -> Any:
        begun.set()
        assert go_on.wait(30)
        return transact(self, batch)

    monkeypatch.setattr(BatchWrites, "_transact", held)
    page = click(page, "Write 1,000 records")
    assert begun.wait(30)

    ran(page.button(key="weather_job_cancel").click())
    go_on.set()
    page = job_ended(page)

    assert aws.client("dynamodb").scan(TableName=TABLE, Select="COUNT")["Count"] == 100
    shown = metrics(page)
    assert (shown["Done"], shown["Not done"]) == ("100", "900")
    assert "cancelled" in words(page.get_by_key("weather_job_box"))
    assert "Download the 900 records not written" in [one.label for one in page.download_button]


@pytest.fixture
def served_wider() -> Iterator[Callable[[], None]]:
    """Makes everybody a viewer: as if the dashboard were served beyond this machine, without sign-in."""
    before = get_option("server.address")
    yield lambda: set_option("server.address", "0.0.0.0")
    set_option("server.address", before)


def test_a_viewer_is_offered_no_change_and_one_that_is_sent_all_the_same_is_refused(
    aws: AwsClients, served_wider: Callable[[], None]
) -> None:
    put(aws, item("Oslo"))
    page = fill(edit(open_page("weather"), {0: {"MaxTemp": 75.0}}))
    served_wider()

    page.file_uploader(key="weather_file").set_value(
        ("records.csv", f"{HEADER}Oslo,71,50,10,3600\n".encode(), "text/csv")
    )
    page = click(page, "Save record")
    assert "For operators only" in words(page)
    assert "Writing a record is for operators only" in words(page)
    offered = {button.label: button.disabled for button in page.button}
    for label in ("Save record", "Delete record", "Delete selected", "Save changed rows"):
        assert offered[label], label
    assert items(aws) == [item("Oslo")]
    assert "Comparing a file with the table is for operators only" in words(page)
    assert "weather_job" not in page.session_state


def test_a_job_that_loses_the_sandbox_fails_in_words_and_the_page_lives(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry().close()
    folder = tmp_path_factory.mktemp("doomed")
    aim_at(folder, monkeypatch)
    rows = "".join(f"Town {number:05},70,50,10,3600\n" for number in range(10_000))
    with running_sandbox(folder):
        page = job_ended(upload(open_page("weather"), HEADER + rows))
        page = click(page, "Write 10,000 records")
        job = registry().current().jobs.get(page.session_state["weather_job"])
        assert job is not None
        wait_until(lambda: job.progress.done >= 200, what="the first transactions")
    wait_until(lambda: not job.progress.running, what="the job to notice")
    page = ran(page)
    assert [title.value for title in page.title] == ["The sandbox is not running"]

    with running_sandbox(folder):
        wait_until(lambda: [title.value for title in ran(page).title] == ["Weather"], 60, "the new sandbox to be seen")
        said = words(page.get_by_key("weather_job_box"))
        assert "Unreachable" in said
        assert "nothing answers at" in said
        counts = [int(metrics(page)[name].replace(",", "")) for name in ("Done", "Not known", "Not done")]
        assert sum(counts) == 10_000
        assert counts[0] >= 200
        assert counts[1] in (0, 100)
        (rest,) = [one for one in page.download_button if one.label.startswith("Download the")]
        assert rest.label == f"Download the {counts[1] + counts[2]:,} records not written"
        registry().close()
