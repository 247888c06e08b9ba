"""Reading the table in pieces and changing it without overwriting anybody, over the real wire."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from bench.stack import end, running_sandbox
from core.aws import Aws
from core.errors import Unreachable
from core.names import TABLE
from sandbox.state import SandboxState
from services.jobs.jobs import Control
from services.weather import file_comparison, paging
from services.weather.batch_writes import BatchFailed, BatchReport, BatchWrites
from services.weather.changes import Change, Conflict, WeatherChanges
from services.weather.paging import RecordPages, location_of
from services.weather.table import WeatherRecord, Write
from tests.conftest import AwsClients
from tests.support.running_pipeline import aws_access
from tests.support.wire import item

pytestmark = pytest.mark.usefixtures("clean_table")


@pytest.fixture
def services_aws(sandbox_stack: SandboxState) -> Iterator[Aws]:
    made = Aws(aws_access(sandbox_stack))
    yield made
    made.close()


def record(location: str, high: str = "70") -> WeatherRecord:
    """What `item(location)` holds, with another maximum."""
    return WeatherRecord(location, Decimal(high), Decimal(50), Decimal(10), 3600)


def put(aws: AwsClients, *items: dict[str, Any]) -> None:
    for one in items:
        aws.client("dynamodb").put_item(TableName=TABLE, Item=one)


def stored(aws: AwsClients, location: str) -> dict[str, Any] | None:
    found: dict[str, Any] | None = (
        aws.client("dynamodb").get_item(TableName=TABLE, Key={"Location": {"S": location}}).get("Item")
    )
    return found


def test_pages_follow_each_other_without_gap_or_repetition(aws: AwsClients, services_aws: Aws) -> None:
    towns = {f"Town {number:03}" for number in range(60)}
    put(aws, *(item(town) for town in towns))
    pages = RecordPages(services_aws)

    first = pages.page(25, None)
    second = pages.page(25, first.next_start)
    third = pages.page(25, second.next_start)

    assert [page.read for page in (first, second, third)] == [25, 25, 10]
    assert third.next_start is None
    seen = [location_of(one) for page in (first, second, third) for one in page.items]
    assert len(seen) == 60
    assert set(seen) == towns
    assert first.capacity_units > 0


def test_a_search_reads_a_bounded_part_of_the_table_at_each_step(
    aws: AwsClients, services_aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paging, "SEARCH_STEP", 20)
    put(aws, *(item(f"Town {number:03}") for number in range(50)), item("Oslo"))
    pages = RecordPages(services_aws)

    found, read, start = [], [], None
    while True:
        step = pages.search("Town 00", start)
        found += [location_of(one) for one in step.items]
        read.append(step.read)
        start = step.next_start
        if start is None:
            break

    assert sorted(found) == [f"Town 00{number}" for number in range(10)]
    assert read == [20, 20, 11]
    assert [location_of(one) for one in pages.exact("Oslo").items] == ["Oslo"]
    assert pages.exact("Osl").items == ()
    assert set(pages.of(["Oslo", "Bergen"])) == {"Oslo"}


def test_a_record_is_inserted_updated_and_deleted_as_long_as_nobody_else_touches_it(
    aws: AwsClients, services_aws: Aws
) -> None:
    changes = WeatherChanges(services_aws)

    inserted = changes.make(Change("Oslo", None, record("Oslo")))
    assert isinstance(inserted, Write)
    assert inserted.kind == "INSERT"
    assert stored(aws, "Oslo") == item("Oslo")

    updated = changes.make(Change("Oslo", stored(aws, "Oslo"), record("Oslo", "71.5")))
    assert isinstance(updated, Write)
    assert updated.kind == "MODIFY"
    assert stored(aws, "Oslo") == item("Oslo", MaxTemp="71.5")

    same = changes.make(Change("Oslo", stored(aws, "Oslo"), record("Oslo", "71.5")))
    assert isinstance(same, Write)
    assert same.kind == ""

    deleted = changes.make(Change("Oslo", stored(aws, "Oslo"), None))
    assert isinstance(deleted, Write)
    assert deleted.kind == "REMOVE"
    assert stored(aws, "Oslo") is None


FOREIGN = {
    "Station": {"M": {"name": {"S": "Blindern"}, "height": {"N": "94"}}},
    "Tags": {"SS": ["capital", "fjord"]},
    "Checked": {"BOOL": True},
    "Name": {"S": "a reserved word"},
}


def test_attributes_that_the_dashboard_does_not_know_survive_an_edit(aws: AwsClients, services_aws: Aws) -> None:
    put(aws, {**item("Oslo"), **FOREIGN})
    loaded = stored(aws, "Oslo")

    done = WeatherChanges(services_aws).make(Change("Oslo", loaded, record("Oslo", "75")))

    assert isinstance(done, Write)
    assert stored(aws, "Oslo") == {**item("Oslo", MaxTemp="75"), **FOREIGN}


@pytest.mark.parametrize(
    "theirs",
    [
        item("Oslo", MinTemp="49"),
        {**item("Oslo"), "Checked": {"BOOL": False}},
        {**item("Oslo"), "Station": {"M": {"name": {"S": "Gardermoen"}}}},
        {name: value for name, value in item("Oslo").items() if name != "TTL"},
        None,
    ],
    ids=["a value of ours", "a foreign attribute", "inside of a map", "an attribute is gone", "the item is gone"],
)
@pytest.mark.parametrize("mine", [record("Oslo", "75"), None], ids=["write", "delete"])
def test_what_somebody_changed_meanwhile_is_not_overwritten_but_shown(
    aws: AwsClients, services_aws: Aws, theirs: dict[str, Any] | None, mine: WeatherRecord | None
) -> None:
    put(aws, {**item("Oslo"), **FOREIGN})
    loaded = stored(aws, "Oslo")
    if theirs is None:
        aws.client("dynamodb").delete_item(TableName=TABLE, Key={"Location": {"S": "Oslo"}})
    else:
        put(aws, theirs)

    found = WeatherChanges(services_aws).make(Change("Oslo", loaded, mine))

    assert isinstance(found, Conflict)
    assert found.theirs == theirs
    assert stored(aws, "Oslo") == theirs
    assert found.already is (theirs is None and mine is None)


def test_a_new_record_does_not_replace_one_that_was_not_loaded_until_it_is_told_to(
    aws: AwsClients, services_aws: Aws
) -> None:
    put(aws, {**item("Oslo"), **FOREIGN})
    changes = WeatherChanges(services_aws)

    found = changes.make(Change("Oslo", None, record("Oslo", "75")))
    assert isinstance(found, Conflict)
    assert stored(aws, "Oslo") == {**item("Oslo"), **FOREIGN}

    done = changes.make(found.mine_over_theirs())
    assert isinstance(done, Write)
    assert stored(aws, "Oslo") == {**item("Oslo", MaxTemp="75"), **FOREIGN}


def test_a_second_change_between_the_question_and_the_answer_is_found_again(aws: AwsClients, services_aws: Aws) -> None:
    put(aws, item("Oslo"))
    changes = WeatherChanges(services_aws)
    found = changes.make(Change("Oslo", None, record("Oslo", "75")))
    assert isinstance(found, Conflict)
    put(aws, item("Oslo", MaxTemp="80"))

    again = changes.make(found.mine_over_theirs())

    assert isinstance(again, Conflict)
    assert again.theirs == item("Oslo", MaxTemp="80")


def test_a_file_is_compared_and_written_in_transactions_whose_records_reach_the_stream(
    aws: AwsClients, services_aws: Aws
) -> None:
    put(aws, item("Town 001"), item("Town 002", MaxTemp="90"))
    records = [record(f"Town {number:03}") for number in range(250)]

    compared = file_comparison.compare(Control(), RecordPages(services_aws), records)
    assert compared is not None
    assert (len(compared.new), len(compared.changed), len(compared.same)) == (248, 1, 1)

    control = Control()
    report = BatchWrites(services_aws).run(control, compared.changes)

    assert len(report.written) == 249
    assert report.rest == ()
    assert report.capacity_units == 249 * 2
    assert (control.progress.done, control.progress.total) == (249, 249)
    assert aws.client("dynamodb").scan(TableName=TABLE, Select="COUNT")["Count"] == 250
    assert stored(aws, "Town 002") == item("Town 002")
    assert {("INSERT", "Town 249"), ("MODIFY", "Town 002")} <= set(stream_changes(aws))


def stream_changes(aws: AwsClients) -> list[tuple[str, str]]:
    streams = aws.client("dynamodbstreams")
    arn = aws.client("dynamodb").describe_table(TableName=TABLE)["Table"]["LatestStreamArn"]
    found: list[tuple[str, str]] = []
    for shard in streams.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"]:
        iterator = streams.get_shard_iterator(
            StreamArn=arn, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator:
            page = streams.get_records(ShardIterator=iterator)
            found += [(one["eventName"], one["dynamodb"]["Keys"]["Location"]["S"]) for one in page["Records"]]
            iterator = page.get("NextShardIterator") if page["Records"] else None
    return found


def test_rows_that_somebody_changed_are_left_out_of_their_transaction_and_the_others_are_written(
    aws: AwsClients, services_aws: Aws
) -> None:
    changes = [Change(f"Town {number:03}", None, record(f"Town {number:03}")) for number in range(150)]
    put(aws, item("Town 007", MaxTemp="90"), item("Town 120"))

    report = BatchWrites(services_aws).run(Control(), changes)

    assert len(report.written) == 148
    assert [(conflict.change.location, conflict.already) for conflict in report.conflicts] == [
        ("Town 007", False),
        ("Town 120", True),
    ]
    assert stored(aws, "Town 007") == item("Town 007", MaxTemp="90")


def test_many_records_are_deleted_unless_they_changed(aws: AwsClients, services_aws: Aws) -> None:
    put(aws, item("Oslo"), item("Bergen"), item("Voss"))
    changes = [Change(town, item(town), None) for town in ("Oslo", "Bergen", "Voss")]
    put(aws, item("Bergen", MaxTemp="71"))

    report = BatchWrites(services_aws).run(Control(), changes)

    assert [change.location for change in report.written] == ["Oslo", "Voss"]
    assert [conflict.theirs for conflict in report.conflicts] == [item("Bergen", MaxTemp="71")]
    assert stored(aws, "Oslo") is None


class StopsAfterFirst(Control):
    """Is cancelled as soon as the first transaction is reported."""

    def report(self, done: int, total: int | None, words: str) -> None:
        super().report(done, total, words)
        if done:
            self.stop()


def test_after_a_cancel_the_report_says_which_rows_are_written_and_which_are_not(
    aws: AwsClients, services_aws: Aws
) -> None:
    changes = [Change(f"Town {number:03}", None, record(f"Town {number:03}")) for number in range(250)]

    report = BatchWrites(services_aws).run(StopsAfterFirst(), changes)

    assert report == BatchReport(
        written=tuple(changes[:100]), left=tuple(changes[100:]), capacity_units=report.capacity_units
    )
    assert aws.client("dynamodb").scan(TableName=TABLE, Select="COUNT")["Count"] == 100


class EndsTheSandbox(Control):
    """Ends a sandbox as soon as the first transaction is reported."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        super().__init__()
        self._process = process

    def report(self, done: int, total: int | None, words: str) -> None:
        super().report(done, total, words)
        if done:
            end(self._process)


def test_when_the_table_goes_away_the_report_tells_written_unknown_and_left_rows_apart(tmp_path: Path) -> None:
    changes = [Change(f"Town {number:03}", None, record(f"Town {number:03}")) for number in range(250)]
    with running_sandbox(tmp_path) as running:
        clients = Aws(aws_access(running.state))
        with pytest.raises(BatchFailed) as failure:
            BatchWrites(clients).run(EndsTheSandbox(running.process), changes)
        clients.close()

    report = failure.value.report
    assert isinstance(failure.value.cause, Unreachable)
    assert "nothing answers at" in failure.value.what
    assert [len(part) for part in (report.written, report.unknown, report.left)] == [100, 100, 50]
    assert (*report.written, *report.rest) == tuple(changes)
