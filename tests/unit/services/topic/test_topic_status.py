"""The state machine of the topic subscription."""

from hypothesis import given
from hypothesis import strategies as st

from services.topic.subscription_state import (
    GAPS,
    FeedState,
    FeedStatus,
    Gap,
    is_duplicate,
    resume_point,
    stopped,
    with_discontinuity,
    with_heartbeat,
    with_history,
    with_loss,
    with_message,
    with_refusal,
)

NEW = FeedStatus(FeedState.CONNECTING, since=0.0)


def seen(sequence: int, page: int = 1) -> FeedStatus:
    return with_message(NEW, sequence, page, malformed=False, now=1.0)


def test_the_first_message_makes_it_live() -> None:
    status = with_heartbeat(NEW, 2.0)

    assert (status.state, status.since, status.last_heartbeat_at) == (FeedState.LIVE, 2.0, 2.0)
    assert status.reconnects == 0


def test_a_loss_and_a_return_count_as_one_reconnect() -> None:
    lost = with_loss(with_heartbeat(NEW, 1.0), "gone", 5.0)
    still_lost = with_loss(lost, "still gone", 6.0)
    back = with_heartbeat(still_lost, 7.0)

    assert (lost.state, still_lost.since, still_lost.reason) == (FeedState.RECONNECTING, 5.0, "still gone")
    assert (back.state, back.since, back.reason, back.reconnects) == (FeedState.LIVE, 7.0, "", 1)


def test_a_first_connection_after_refusals_is_no_reconnect() -> None:
    refused = with_refusal(NEW, "the key was refused", 1.0)

    assert (refused.state, refused.reason) == (FeedState.REFUSED, "the key was refused")
    assert with_heartbeat(refused, 2.0).reconnects == 0


def test_it_subscribes_first_to_the_newest_and_then_after_what_it_saw() -> None:
    assert resume_point(NEW) == (0, 0)
    assert resume_point(with_loss(NEW, "nothing answers", 1.0)) == (0, 0)
    assert resume_point(seen(0, page=3)) == (1, 3)
    assert resume_point(with_loss(seen(41, page=3), "gone", 2.0)) == (42, 3)


def test_after_an_empty_topic_it_subscribes_from_its_first_message() -> None:
    assert resume_point(with_loss(with_heartbeat(NEW, 1.0), "gone", 2.0)) == (1, 0)


def test_only_what_was_seen_in_the_same_page_is_a_duplicate() -> None:
    status = seen(10, page=2)

    assert is_duplicate(status, 10, 2)
    assert is_duplicate(status, 9, 2)
    assert not is_duplicate(status, 11, 2)
    assert not is_duplicate(status, 1, 3)
    assert not is_duplicate(NEW, 0, 0)


def test_a_discontinuity_counts_what_was_missed_once() -> None:
    gap = with_discontinuity(seen(100), next_sequence=104, page=1, now=2.0)
    after = with_message(gap, 104, 1, malformed=False, now=2.0)

    assert (gap.missed, after.missed, after.received) == (3, 3, 2)


def test_a_jump_without_a_word_is_missed_too() -> None:
    assert with_message(seen(100), 103, 1, malformed=False, now=2.0).missed == 2


def test_a_reset_of_the_topic_begins_a_new_page() -> None:
    gap = with_discontinuity(seen(100, page=1), next_sequence=3, page=2, now=2.0)

    assert resume_point(gap) == (3, 2)
    assert gap.missed == 2
    assert not is_duplicate(gap, 3, 2)


def test_a_discontinuity_back_to_a_seen_message_repeats_nothing() -> None:
    back = with_discontinuity(seen(100), next_sequence=100, page=1, now=2.0)

    assert is_duplicate(back, 100, 1)
    assert back.missed == 0


def test_nothing_is_missed_before_the_first_message() -> None:
    gap = with_discontinuity(NEW, next_sequence=500, page=9, now=1.0)

    assert with_message(gap, 500, 9, malformed=True, now=1.0).missed == 0


def test_malformed_messages_are_counted() -> None:
    status = with_message(seen(1), 2, 1, malformed=True, now=2.0)

    assert (status.received, status.malformed) == (2, 1)


def test_stopped_says_so() -> None:
    assert stopped(seen(1), 9.0).state is FeedState.STOPPED


@given(st.sets(st.integers(min_value=2, max_value=60)))
def test_received_and_missed_add_up_to_all_that_was_published(lost: set[int]) -> None:
    status = seen(1)
    for sequence in range(2, 62):
        if sequence not in lost:
            status = with_message(status, sequence, 1, malformed=False, now=1.0)

    assert status.received + status.missed == 61


def test_a_jump_in_the_sequence_is_remembered_as_a_gap() -> None:
    status = with_message(seen(4), 9, 1, malformed=False, now=7.0)

    assert status.missed == 4
    assert status.gaps == (Gap(7.0, last_page=1, last_sequence=4, next_page=1, next_sequence=9, missed=4),)
    assert not status.gaps[0].began_anew


def test_a_discontinuity_is_one_gap_and_the_message_after_it_none() -> None:
    told = with_discontinuity(seen(4), 104, 1, now=7.0)
    followed = with_message(told, 104, 1, malformed=False, now=7.1)

    assert (followed.missed, [gap.missed for gap in followed.gaps]) == (99, [99])


def test_a_topic_that_began_anew_is_a_gap_even_when_nothing_is_known_to_be_missed() -> None:
    status = with_message(with_discontinuity(seen(40), 1, 2, now=7.0), 1, 2, malformed=False, now=7.1)

    assert status.gaps == (Gap(7.0, last_page=1, last_sequence=40, next_page=2, next_sequence=1, missed=0),)
    assert status.gaps[0].began_anew


def test_a_repeated_message_and_the_first_one_are_no_gaps() -> None:
    assert with_discontinuity(seen(4), 3, 1, now=7.0).gaps == ()
    assert with_discontinuity(seen(4), 5, 1, now=7.0).gaps == ()
    assert with_message(NEW, 400, 1, malformed=False, now=7.0).gaps == ()


def test_the_last_gaps_are_remembered_and_all_are_counted() -> None:
    status = seen(1)
    for number in range(2, 2 + 2 * (GAPS + 9), 2):
        status = with_message(status, number + 1, 1, malformed=False, now=float(number))

    assert (len(status.gaps), status.missed) == (GAPS, GAPS + 9)
    assert status.gaps[-1].at == 2.0 * (GAPS + 9)


def test_a_history_of_the_same_momento_is_resumed() -> None:
    status = with_history(NEW, restored=80, until=5.0, resume=(41, 3))

    assert resume_point(status) == (42, 3)
    assert (status.restored, status.restored_until, status.received) == (80, 5.0, 0)
    assert with_heartbeat(status, 9.0).reconnects == 0
    assert is_duplicate(status, 41, 3)


def test_a_history_of_another_momento_is_not_resumed() -> None:
    status = with_history(NEW, restored=80, until=5.0, resume=None)

    assert resume_point(status) == (0, 0)
    assert with_message(status, 7, 9, malformed=False, now=6.0).gaps == ()
