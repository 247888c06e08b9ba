"""The page Dead letters: each message as what it is, and as it came; and what operators do with them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import names
from core.names import CACHE_PUT, TABLE, TOPIC_PUBLISH, pipe
from sandbox.state import SandboxState
from services.app.pipeline import Pipeline
from services.app.runtime import registry
from services.app.sandbox_admin import SandboxAdmin
from services.audit.acts import acts
from services.dead_letters.orders import Order
from services.dead_letters.repair import deleting
from tests.conftest import AwsClients, wait_until
from tests.support.running_pipeline import quiet
from tests.support.screen import metrics, open_page, ran, table, words
from tests.support.wire import dead_letter, item


def send(aws: AwsClients, url: str, *bodies: str) -> None:
    for body in bodies:
        aws.client("sqs").send_message(QueueUrl=url, MessageBody=body)


def in_dialog(page: AppTest) -> str:
    """What the open dialog says, which is no part of the main page."""
    return "\n".join(str(said.value) for said in [*page.markdown, *page.text, *page.warning, *page.error])


def attributes(aws: AwsClients, url: str) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return found


def pipeline() -> Pipeline:
    """The one behind the page."""
    return registry().current().pipeline()


@pytest.fixture
def two_letters(aws: AwsClients, queue_url: str, sandbox_target: SandboxState) -> Iterator[str]:
    """The location of a record whose put and whose event failed; the fault is over."""
    admin = SandboxAdmin(sandbox_target.admin_url, sandbox_target.admin_token)
    place = f"Page {time.time_ns()}"
    admin.fail_momento(500, 2)
    aws.client("dynamodb").put_item(TableName=TABLE, Item=item(place))
    wait_until(lambda: attributes(aws, queue_url)["ApproximateNumberOfMessages"] == "2", what="two letters")
    yield place
    admin.clear_faults()
    aws.client("dynamodb").delete_item(TableName=TABLE, Key={"Location": {"S": place}})
    quiet(admin, {})


def test_a_pipes_message_is_decoded_and_a_foreign_one_is_shown_as_it_came(aws: AwsClients, queue_url: str) -> None:
    send(aws, queue_url, dead_letter(pipe(CACHE_PUT)), "someone else's message")

    page = open_page("dead_letters")

    assert metrics(page)["In the queue"] == "2"
    rows = table(page, "Messages")
    decoded = rows[rows["Pipe"] == CACHE_PUT].iloc[0]
    assert decoded["Condition"] == "RetryAttemptsExhausted"
    assert decoded["First sequence number"] == "100000000000000000042"
    assert decoded["Cause"] in ("no log found", "the log of its time is still being read")
    foreign = rows[rows["Pipe"] == ""].iloc[0]
    assert foreign["Cause"] == "Not a dead letter of a DynamoDB pipe; shown as it came."


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (dead_letter(pipe(TOPIC_PUBLISH)), "Shard: shardId-00000001763760813333-abcdef12"),
        ("someone else's message", "someone else's message"),
        ('{"context": 5}', '"context": 5'),
        ("[" * 3000, "[[["),
        (json.dumps({"a": [[["**stars** <b>x</b>"]]]}), "**stars** <b>x</b>"),
        ("![p](http://x.invalid/p.png) " * 9_000, "![p](http://x.invalid/p.png)"),
    ],
    ids=["pointer", "text", "JSON", "deep", "markup", "256 KB"],
)
def test_the_only_message_is_shown_as_it_came(aws: AwsClients, queue_url: str, body: str, shown: str) -> None:
    send(aws, queue_url, body)

    page = open_page("dead_letters")

    assert shown in words(page)
    code = page.code[-1].value
    expected = json.dumps(json.loads(body), indent=2) if body[0] == "{" else body
    assert expected.split()[: len(code.split()) - 1] == code.split()[:-1]
    assert not any(shown in str(said.value) for said in [*page.markdown, *page.caption, *page.error])


def test_looking_leaves_every_message_in_the_queue(aws: AwsClients, queue_url: str) -> None:
    send(aws, queue_url, *(f"message {number}" for number in range(25)))

    page = open_page("dead_letters")

    assert len(table(page, "Messages")) == 25
    assert attributes(aws, queue_url)["ApproximateNumberOfMessages"] == "25"


def explained(page: AppTest) -> bool:
    """Whether every row of the page has its cause, after another run."""
    pipeline().log.forget()
    pipeline().dead_letters.ask()
    if not any(grid.proto.alt.startswith("Messages") for grid in ran(page).dataframe):
        return False
    rows = table(page, "Messages")
    return bool(rows["Cause"].str.startswith("HTTP 500").all() and (rows["Location"] != "").all())


def test_a_failure_is_explained_grouped_and_found_by_its_sequence_number(two_letters: str) -> None:
    page = open_page("dead_letters")
    wait_until(lambda: explained(page), 40, "both explained")

    grouped = table(page, "Dead letters by pipe and cause")
    assert sorted(grouped["Pipe"]) == [CACHE_PUT, TOPIC_PUBLISH]
    assert set(table(page, "Messages")["Location"]) == {two_letters}
    page.query_params["sequence"] = str(table(page, "Messages")["First sequence number"].iloc[0])
    page.session_state["pipe"] = CACHE_PUT
    page = ran(page)

    assert len(table(page, "Messages")) == 1
    said = words(page)
    assert "Failed in the target call. Found by sequence number." in said
    assert f"INSERT {two_letters}" in said
    assert table(page, "Table and cache of each key now")["Cache now"].tolist() == ["absent"]
    page.query_params["sequence"] = "1"
    assert "0 of 2 messages match." in words(ran(page))


def test_a_repair_wants_a_reason_proves_and_is_told_on_the_page_and_in_the_audit(
    aws: AwsClients, queue_url: str, two_letters: str
) -> None:
    since = time.time() - 1
    page = open_page("dead_letters")
    wait_until(lambda: explained(page), 40, "both explained")

    page.button(key="letters_repair").click()
    page = ran(page)
    assert "2 messages. 1 key: 1 to put, 0 to delete, 0 already right." in in_dialog(page)
    page = ran(page.button(key="letters_yes").click())
    assert "A reason is needed: the audit log keeps it." in in_dialog(page)
    assert pipeline().letter_works.last is None

    page.text_input(key="letters_why").set_value("ticket 4711")
    page = ran(page.button(key="letters_yes").click())
    work = pipeline().letter_works.last
    assert work is not None
    assert work.job.join(20)
    page = ran(page)

    assert metrics(page)["Repaired"] == "1"
    assert metrics(page)["Already right"] == "1"
    assert pipeline().cache.get(names.CACHE, two_letters).hit
    assert attributes(aws, queue_url)["ApproximateNumberOfMessages"] == "0"
    (act,) = [act for act in acts(pipeline().audit.entries(since), time.time()) if act.why == "ticket 4711"]
    assert act.outcome == "1 repaired, 1 already right."
    audit = open_page("audit")
    assert "ticket 4711" in table(audit, "Acts")["Reason"].tolist()


def test_who_stops_the_work_of_somebody_else_is_in_the_audit_log(aws: AwsClients, queue_url: str) -> None:
    since = time.time() - 1
    send(aws, queue_url, *(f"message {number}" for number in range(8)))
    page = open_page("dead_letters")
    letters = {letter.message_id: letter for letter in pipeline().queue.look().letters}
    order = Order("Delete dead letters", "ann", "too slow", letters, {}, per_second=0.5)
    work = pipeline().letter_works.start(registry().current().jobs, order, deleting)

    page = ran(page)
    ran(next(button for button in page.button if button.label == "Stop").click())

    assert work.job.join(20)
    assert work.job.result is not None
    assert work.job.result.stopped == "somebody stopped it."
    (act,) = [act for act in acts(pipeline().audit.entries(since), time.time()) if act.act.startswith("Stopping")]
    assert (act.who, act.summary["begun_by"]) == ("local", "ann")


def test_a_purge_comes_after_a_download_and_the_queues_name(aws: AwsClients, queue_url: str) -> None:
    send(aws, queue_url, "one", "two")
    page = open_page("dead_letters")
    page = ran(page.button(key="letters_purge").click())
    assert page.button(key="letters_yes").disabled

    page.session_state["letters_exported"] = True
    page.text_input(key="letters_why").set_value("drill")
    page.text_input(key="letters_typed").set_value("some-queue")
    page = ran(page)
    page = ran(page.button(key="letters_yes").click())
    assert "That is not the queue's name" in in_dialog(page)
    assert attributes(aws, queue_url)["ApproximateNumberOfMessages"] == "2"

    page.text_input(key="letters_typed").set_value(names.QUEUE)
    ran(page.button(key="letters_yes").click())
    assert attributes(aws, queue_url)["ApproximateNumberOfMessages"] == "0"


def test_a_reader_is_offered_nothing_and_a_click_all_the_same_is_refused(
    aws: AwsClients, queue_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    send(aws, queue_url, "one")
    page = open_page("dead_letters")
    page = ran(page.button(key="letters_delete").click())
    page.session_state["letters_exported"] = True
    page.text_input(key="letters_why").set_value("drill")
    page = ran(page)

    monkeypatch.setattr("services.app.access.LOOPBACK", frozenset())
    page = ran(page.button(key="letters_yes").click())

    assert "is for operators only" in in_dialog(page)
    assert "Repair and deletion are for operators." in words(page)
    assert not [button for button in page.button if button.key == "letters_repair"]
    assert attributes(aws, queue_url)["ApproximateNumberOfMessages"] == "1"


def test_a_note_is_kept_with_its_author(two_letters: str) -> None:
    page = open_page("dead_letters")
    wait_until(lambda: explained(page), 40, "both explained")
    kind = table(page, "Dead letters by pipe and cause")["Cause"].iloc[0]
    page.session_state["pipe"], page.session_state["cause"] = CACHE_PUT, kind
    page = ran(page)

    page.text_area(key="letters_note").set_value("**vendor** knows")
    page = ran([each for each in page.button if each.label == "Add the note"][0].click())

    assert ", local: **vendor** knows" in words(page)
