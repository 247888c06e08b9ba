"""The page Dead letters: each message as what it is, and as it came."""

from __future__ import annotations

import json
from typing import Any

import pytest

from provision.names import CACHE_PUT, TOPIC_PUBLISH, pipe
from tests.app.screen import metrics, open_page, ran, table, words
from tests.app.wire import dead_letter
from tests.conftest import AwsClients


def send(aws: AwsClients, url: str, *bodies: str) -> None:
    for body in bodies:
        aws.client("sqs").send_message(QueueUrl=url, MessageBody=body)


def attributes(aws: AwsClients, url: str) -> dict[str, Any]:
    found: dict[str, Any] = aws.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    return found


def test_a_pipes_message_is_decoded_and_a_foreign_one_is_shown_as_it_came(aws: AwsClients, queue_url: str) -> None:
    send(aws, queue_url, dead_letter(pipe(CACHE_PUT)), "someone else's message")

    page = open_page("dead_letters")

    assert metrics(page)["In the queue"] == "2"
    rows = table(page, "Messages")
    decoded = rows[rows["Pipe"].str.contains(CACHE_PUT)].iloc[0]
    assert decoded["Condition"] == "RetryAttemptsExhausted"
    assert decoded["First sequence number"] == "100000000000000000042"
    foreign = rows[rows["Pipe"] == ""].iloc[0]
    assert foreign["Condition"] == "Not a dead letter of a DynamoDB pipe; shown as it came."


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (dead_letter(pipe(TOPIC_PUBLISH)), "Shard: shardId-00000001763760813333-abcdef12"),
        ("someone else's message", "someone else's message"),
        ('{"context": 5}', '"context": 5'),
        ("[" * 3000, "[[["),
    ],
)
def test_a_selected_message_is_shown_whole(aws: AwsClients, queue_url: str, body: str, shown: str) -> None:
    send(aws, queue_url, body)
    page = open_page("dead_letters")

    page.session_state["dead_letters"] = {"selection": {"rows": [0], "columns": [], "cells": []}}
    page = ran(page)

    assert shown in words(page)
    (code,) = page.code
    assert code.value.split() == (json.dumps(json.loads(body), indent=2) if body[0] == "{" else body).split()


def test_looking_leaves_every_message_in_the_queue(aws: AwsClients, queue_url: str) -> None:
    send(aws, queue_url, *(f"message {number}" for number in range(25)))

    page = open_page("dead_letters")

    assert len(table(page, "Messages")) == 25
    assert attributes(aws, queue_url)["ApproximateNumberOfMessages"] == "25"
