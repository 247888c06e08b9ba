"""Messages as pipes, API destinations and Momento write them, brought to what they have in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.logs.error_signature import LONGEST, signature


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        # Real ones (facts/aws-pipes.md, section 1.2).
        (
            "Target invocation failed with error from States. Not allowed to invoke "
            "arn:aws:states:eu-central-1:123456789012:stateMachine:orders.",
            "Target invocation failed with error from States. Not allowed to invoke "
            "arn:aws:states:eu-central-1:<n>:stateMachine:orders.",
        ),
        (
            "Target invocation failed with error from Logs. Not allowed to invoke.",
            "Target invocation failed with error from Logs. Not allowed to invoke.",
        ),
        (
            "Unable to invoke ApiDestination endpoint: Timeout calling endpoint for API Destination: socket closed.",
            "Unable to invoke ApiDestination endpoint: Timeout calling endpoint for API Destination: socket closed.",
        ),
        (
            "Unable to invoke ApiDestination endpoint: The endpoint answered with status 500.",
            "Unable to invoke ApiDestination endpoint: The endpoint answered with status <n>.",
        ),
        ("request 5f0c9f3a-8a66-4d0e-9f64-6f8f8b8c1f11 was refused", "request <id> was refused"),
        ("request 5F0C9F3A-8A66-4D0E-9F64-6F8F8B8C1F11 was refused", "request <id> was refused"),
        ("at 2026-11-21T21:33:33.333Z and at 2026-11-21 21:33:33", "at <time> and at <time>"),
        ("Connection refused: 10.0.3.17:8443", "Connection refused: <address>"),
        ("Connection refused: [::1]:50051", "Connection refused: <address>"),
        ("nothing answers at http://127.0.0.1:35513/cache/a", "nothing answers at http://<address>/cache/a"),
        ("nothing answers at localhost:35513", "nothing answers at localhost:<port>"),
        (
            "cache.cell-4-us-west-2-1.prod.a.momentohq.com:443 reset",
            "cache.cell-4-us-west-2-1.prod.a.momentohq.com:<port> reset",
        ),
        ("record 49671246667567226432100000000000042 is gone", "record <sequence number> is gone"),
        ("waited 10000 ms, then 2.5s, of 3,000", "waited <n> ms, then <n>s, of <n>"),
        ("shard shardId-00000001763760813333-abcdef12 is closed", "shard <shard> is closed"),
        ("trace 1a2b3c4d5e6f7a8b9c0d", "trace <id>"),
        ("  two\n lines ", "two lines"),
        ("", ""),
    ],
)
def test_what_differs_is_replaced_and_the_words_stay(message: str, expected: str) -> None:
    assert signature(message) == expected


def test_the_status_of_an_answer_tells_errors_apart() -> None:
    message = "The endpoint answered with status {}."

    assert signature(message.format(500), 500) == "HTTP 500: The endpoint answered with status <n>."
    assert signature(message.format(500), 500) != signature(message.format(429), 429)
    assert signature("", 503) == "HTTP 503"


@pytest.mark.parametrize("message", ["us-west-2", "v2 key", "SHA256 mismatch", "HTTP/1.1 refused", "error E2BIG"])
def test_names_with_numbers_in_them_are_names(message: str) -> None:
    assert signature(message) == message.replace("1.1", "<n>")


@given(st.uuids(), st.uuids(), st.integers(0, 2**40), st.integers(0, 2**40))
def test_two_occurrences_of_one_failure_have_one_signature(first: object, second: object, one: int, other: int) -> None:
    text = "Request {} failed after {} ms at 127.0.0.1:{}"

    assert signature(text.format(first, one, 35_513)) == signature(text.format(second, other, 41_002))


@given(st.text(max_size=2 * LONGEST))
def test_every_text_has_a_signature_of_bounded_length(text: str) -> None:
    assert len(signature(text)) <= LONGEST
