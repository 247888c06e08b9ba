"""Stream records as changes, by GetRecords and by the log, and what a filter takes of them."""

from __future__ import annotations

from typing import Any

import pytest

from services.pipes.stream_changes import Change, change_of, in_order, wanted

RECORD = {
    "eventID": "c4ca4238a0b923820dcc509a6f75849b",
    "eventName": "REMOVE",
    "dynamodb": {
        "ApproximateCreationDateTime": 1_760_000_000,
        "Keys": {"Location": {"S": "Oslo"}},
        "SequenceNumber": "300000000000000499659",
        "SizeBytes": 41,
    },
}
CHANGE = Change("300000000000000499659", "REMOVE", '{"Location": {"S": "Oslo"}}', 1_760_000_000.0, 41)


def test_a_record_of_the_stream_is_a_change() -> None:
    assert change_of(RECORD) == CHANGE


@pytest.mark.parametrize(
    "record",
    [{}, {"dynamodb": 1}, {"dynamodb": {"SequenceNumber": "1"}}]
    + [{"dynamodb": {"SequenceNumber": "1", "ApproximateCreationDateTime": "soon"}}],
)
def test_what_is_no_record_is_no_change(record: dict[str, Any]) -> None:
    assert change_of(record) is None


def test_sequence_numbers_are_in_the_order_of_numbers_and_not_of_texts() -> None:
    assert sorted(["1000", "999", "0000998", "10000"], key=in_order) == ["0000998", "999", "1000", "10000"]


@pytest.mark.parametrize(
    ("filters", "inserts", "removes"),
    [
        ((), True, True),
        (("{}",), True, True),
        (('{"eventName":["INSERT","MODIFY"]}',), True, False),
        (('{"eventName":["REMOVE"]}', '{"eventName":["INSERT"]}'), True, True),
        # The event name rules out what the rest cannot tell.
        (('{"eventName":["INSERT"],"dynamodb":{"NewImage":{"TTL":{"N":["60"]}}}}',), None, False),
        (('{"eventName":["INSERT"],"dynamodb":{"NewImage":{"TTL":{"N":["60"]}}}}', "{}"), True, True),
        (('{"dynamodb":{"Keys":{"Location":{"S":[{"prefix":"Os"}]}}}}',), None, None),
        (('{"eventName":[{"prefix":"INS"}]}',), None, None),
        (("no JSON",), None, None),
        (("[]",), None, None),
    ],
)
def test_what_a_filter_takes_is_told_exactly_or_not_at_all(
    filters: tuple[str, ...], inserts: bool | None, removes: bool | None
) -> None:
    assert wanted(filters, "INSERT") is inserts
    assert wanted(filters, "REMOVE") is removes
