"""How long the stream still keeps the records that dead letters point at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from services.dead_letters.age import LetterAges, ages, forgets_in_s
from services.dead_letters.message import DeadLetter

SENT = datetime(2026, 11, 21, 21, 33, 33, tzinfo=UTC)


def a_letter(pipe: str, arrived_at: str, sent: datetime = SENT) -> DeadLetter:
    return DeadLetter("m", "{}", sent, 1, pipe=pipe, arrived_at=arrived_at)


def test_each_pipe_has_the_age_of_its_oldest_letter_and_of_the_oldest_record() -> None:
    letters = [
        a_letter("put", "2026-11-21T21:33:31Z"),
        a_letter("put", "2026-11-21T20:00:00Z", SENT + timedelta(seconds=9)),
        a_letter("delete", "2026-11-21T21:33:30Z"),
        a_letter("", ""),
    ]

    found = ages(letters, total=4)

    assert set(found) == {"put", "delete"}
    eight = datetime(2026, 11, 21, 20, 0, tzinfo=UTC).timestamp()
    assert found["put"] == LetterAges(2, SENT.timestamp(), eight)
    assert forgets_in_s(found["put"], eight + 20 * 3600 + 48 * 60) == 3 * 3600 + 12 * 60


def test_more_messages_than_were_looked_at_make_the_count_a_part() -> None:
    assert ages([a_letter("put", "2026-11-21T21:33:31Z")], total=900)["put"].partial


def test_a_letter_that_does_not_say_when_its_record_came_counts_from_when_it_was_sent() -> None:
    assert ages([a_letter("put", "yesterday")], total=1)["put"].record_at == SENT.timestamp()
