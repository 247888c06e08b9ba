"""The series of the topic: what the charts and the list of latest values are drawn from."""

import json
import threading
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.topic.events import TopicEvent, parse_event
from services.topic.series import (
    MAX_DRAWN,
    MAX_LISTED,
    MAX_TRACKED,
    SPARK,
    TYPES,
    WINDOWS,
    Band,
    Latest,
    Picture,
    Rate,
    TopicSeries,
    View,
    Window,
)

#: A moment at which a bucket of every window begins.
START = 1_700_006_400
MINUTE, FIVE_MINUTES = WINDOWS[0], WINDOWS[1]


def event(kind: str, location: str, at: float, high: float | None = None, low: float | None = None) -> TopicEvent:
    content = {
        "EventType": kind,
        "Location": location,
        "MaxTemp": "" if high is None else str(high),
        "MinTemp": "" if low is None else str(low),
        "ChancesOfPrecipitation": "" if high is None else "30",
    }
    return parse_event(json.dumps(content), 1, 1, START + at)


def series_of(*events: TopicEvent) -> TopicSeries:
    series = TopicSeries()
    for one in events:
        series.take(one)
    return series


def picture(series: TopicSeries, view: View, at: float) -> Picture:
    return series.picture(view, START + at)


def test_each_window_has_sixty_to_seventy_five_whole_buckets() -> None:
    for window in WINDOWS:
        assert 60 <= window.buckets <= 75
        assert window.buckets * window.bucket_s == window.seconds


def test_a_band_spans_the_temperatures_of_a_location_in_one_bucket() -> None:
    series = series_of(
        event("INSERT", "Oslo", 1.0, 61.5, 40.0),
        event("MODIFY", "Oslo", 4.9, 60.0, 38.5),
        event("INSERT", "Lima", 4.95, 75.0, 64.0),
        event("MODIFY", "Oslo", 5.0, 59.0, 39.0),
    )

    assert picture(series, View(FIVE_MINUTES), 5).bands == (
        Band(START, "Lima", 75.0, 64.0, 0),
        Band(START, "Oslo", 61.5, 38.5, 0),
        Band(START + 5, "Oslo", 59.0, 39.0, 0),
    )


def test_a_deletion_counts_and_has_no_temperatures() -> None:
    series = series_of(event("INSERT", "Oslo", 0, 61.5, 40.0), event("REMOVE", "Oslo", 1), event("REMOVE", "Oslo", 1))

    seen = picture(series, View(MINUTE), 1)

    assert seen.bands == (Band(START, "Oslo", 61.5, 40.0, 0), Band(START + 1, "Oslo", None, None, 2))
    assert seen.rates == (Rate(START, 1, 0, 0, 0), Rate(START + 1, 0, 0, 2, 0))
    assert seen.latest == (Latest("Oslo", "REMOVE", START + 1, None, None, None, (61.5,)),)


@pytest.mark.parametrize(
    "raw",
    [b"\xff\x00", "", "no JSON", '{"EventType": "INSERT"}', json.dumps({"EventType": "INSERT", "Location": "x" * 129})],
)
def test_a_message_without_a_location_counts_as_other(raw: str | bytes) -> None:
    seen = picture(series_of(parse_event(raw, 1, 1, START)), View(MINUTE), 0)

    assert (seen.rates, seen.bands, seen.latest) == ((Rate(START, 0, 0, 0, 1),), (), ())


def test_a_view_of_some_locations_and_types_has_only_those() -> None:
    series = series_of(
        event("INSERT", "Oslo", 0, 61.0, 40.0),
        event("MODIFY", "Oslo", 0, 99.0, -9.0),
        event("REMOVE", "Oslo", 0),
        event("INSERT", "Lima", 0, 75.0, 64.0),
        event("INSERT", "Rome", 0, 80.0, 66.0),
    )

    seen = picture(series, View(MINUTE, ("Oslo", "Lima", "Atlantis"), ("INSERT",)), 0)

    assert seen.bands == (Band(START, "Lima", 75.0, 64.0, 0), Band(START, "Oslo", 61.0, 40.0, 0))
    assert seen.rates == (Rate(START, 2, 0, 0, 0),)
    assert [latest.location for latest in seen.latest] == ["Lima"]


def test_the_busiest_locations_are_drawn_and_the_others_counted() -> None:
    series = TopicSeries()
    for number in range(MAX_DRAWN + 3):
        for _ in range(1 + number):
            series.take(event("MODIFY", f"Town {number:02}", 0, 70.0, 50.0))

    seen = picture(series, View(MINUTE), 0)

    assert [band.location for band in seen.bands] == [f"Town {number:02}" for number in range(3, MAX_DRAWN + 3)]
    assert seen.more_locations == 3
    assert seen.rates == (Rate(START, 0, sum(range(1, MAX_DRAWN + 4)), 0, 0),)


def test_many_locations_stay_bounded_and_keep_counting() -> None:
    series = TopicSeries()
    for number in range(MAX_TRACKED + 7):
        series.take(event("INSERT", f"Town {number:03}", number / 100, 70.0, 50.0))

    seen = picture(series, View(FIVE_MINUTES), 6)

    assert sum(rate.insert for rate in seen.rates) == MAX_TRACKED + 7
    assert seen.forgotten == 7
    assert seen.more_locations == MAX_TRACKED - MAX_DRAWN
    assert len(seen.latest) == MAX_LISTED
    assert seen.latest[-1].location == f"Town {MAX_TRACKED + 6:03}"
    assert picture(series, View(FIVE_MINUTES, ("Town 006",)), 6).rates == ()
    assert picture(series, View(FIVE_MINUTES, ("Town 007",)), 6).rates != ()


def test_the_location_that_was_silent_for_longest_is_forgotten_first() -> None:
    series = series_of(*(event("INSERT", f"Town {number}", 0, 70.0, 50.0) for number in range(MAX_TRACKED)))
    series.take(event("MODIFY", "Town 0", 1, 71.0, 51.0))
    series.take(event("INSERT", "One more", 1, 72.0, 52.0))

    seen = picture(series, View(MINUTE, ("Town 0", "Town 1", "One more")), 1)

    assert [latest.location for latest in seen.latest] == ["One more", "Town 0"]


def test_no_picture_has_more_bands_than_a_browser_draws() -> None:
    series = TopicSeries()
    for second in range(0, 21_600, 200):
        for town in range(MAX_DRAWN + 8):
            series.take(event("MODIFY", f"Town {town}", second, 70.0, 50.0))

    for window in WINDOWS:
        assert len(picture(series, View(window), 21_599).bands) <= 1_000
    assert len(picture(series, View(WINDOWS[4]), 21_599).bands) == MAX_DRAWN * 72


def test_the_sparkline_has_the_last_maxima() -> None:
    series = series_of(*(event("MODIFY", "Oslo", number, float(number), 0.0) for number in range(SPARK + 5)))

    (latest,) = picture(series, View(MINUTE), 30).latest

    assert latest.spark == tuple(float(number) for number in range(5, SPARK + 5))


def test_what_is_older_than_the_window_leaves_and_its_cell_serves_again() -> None:
    series = series_of(event("INSERT", "Oslo", 0, 90.0, 10.0))

    assert picture(series, View(MINUTE), 59).rates == (Rate(START, 1, 0, 0, 0),)
    assert picture(series, View(MINUTE), 60).rates == ()
    assert picture(series, View(FIVE_MINUTES), 60).rates == (Rate(START, 1, 0, 0, 0),)

    series.take(event("MODIFY", "Oslo", 60, 70.0, 50.0))
    seen = picture(series, View(MINUTE), 60)
    assert seen.rates == (Rate(START + 60, 0, 1, 0, 0),)
    assert seen.bands == (Band(START + 60, "Oslo", 70.0, 50.0, 0),)


def test_a_clock_set_back_a_little_keeps_the_order() -> None:
    series = series_of(event("INSERT", "Oslo", 100, 70.0, 50.0), event("MODIFY", "Oslo", 50, 71.0, 51.0))

    seen = picture(series, View(MINUTE), 50)

    assert seen.rates == (Rate(START + 100, 1, 1, 0, 0),)
    assert seen.end == START + 101


def test_a_clock_that_ran_ahead_for_a_moment_does_not_stop_the_series() -> None:
    ahead = 7 * 86_400 + 30
    series = series_of(event("INSERT", "Oslo", 0, 70.0, 50.0), event("MODIFY", "Oslo", ahead, 71.0, 51.0))
    for second in (1, 2):
        series.take(event("MODIFY", "Oslo", second, 72.0, 52.0))

    seen = picture(series, View(MINUTE), 2)

    assert seen.end == START + 3
    assert [(rate.start - START, rate.insert, rate.modify) for rate in seen.rates if rate.start >= START] == [
        (0, 1, 0),
        (1, 0, 1),
        (2, 0, 1),
    ]


def test_a_picture_is_the_same_object_for_all_until_something_changes() -> None:
    series = series_of(event("INSERT", "Oslo", 0, 70.0, 50.0))
    first = picture(series, View(FIVE_MINUTES), 1)

    assert picture(series, View(FIVE_MINUTES), 4.9) is first
    assert picture(series, View(FIVE_MINUTES), 5).end == first.end + 5
    series.take(event("INSERT", "Oslo", 5, 70.0, 50.0))
    assert picture(series, View(FIVE_MINUTES), 5).version == first.version + 1


def test_a_view_of_a_window_that_is_not_kept_is_refused() -> None:
    with pytest.raises(KeyError):
        picture(TopicSeries(), View(Window("2m", 120, 2)), 0)


arrivals = st.lists(
    st.tuples(
        st.sampled_from(("INSERT", "MODIFY", "REMOVE", "SHRUG")),
        st.sampled_from(("Oslo", "Lima", "Rome", "")),
        st.integers(0, 4_000),
        st.floats(-40, 120),
    ),
    max_size=60,
)
views = st.builds(
    View,
    st.sampled_from(WINDOWS),
    st.sampled_from(((), ("Oslo",), ("Oslo", "Lima"))),
    st.sampled_from(((), ("INSERT",), ("MODIFY", "other"), TYPES)),
)


@given(arrivals, views, st.integers(0, 300))
def test_a_picture_is_what_counting_all_events_anew_gives(
    given_arrivals: list[tuple[str, str, int, float]], view: View, wait: int
) -> None:
    ordered = sorted(given_arrivals, key=lambda arrival: arrival[2])
    events = [
        event(kind, place, at, *((high, high - 5) if kind != "REMOVE" else ())) for kind, place, at, high in ordered
    ]
    now = (ordered[-1][2] if ordered else 0) + wait
    seen = picture(series_of(*events), view, now)

    rates: Counter[tuple[int, str]] = Counter()
    highs: dict[tuple[str, int], float] = {}
    width = view.window.bucket_s
    for one in events:
        start = int(one.received_at) // width * width
        kind = one.event_type if one.event_type and one.location else "other"
        in_window = seen.end - view.window.seconds <= start
        if in_window and kind in (view.types or TYPES) and (not view.locations or one.location in view.locations):
            rates[start, kind] += 1
            if one.location and one.max_temp is not None:
                key = (one.location, start)
                highs[key] = max(highs.get(key, one.max_temp), one.max_temp)
    counted = {
        (rate.start, kind): count
        for rate in seen.rates
        for kind, count in zip(TYPES, (rate.insert, rate.modify, rate.remove, rate.other), strict=True)
        if count
    }
    assert counted == dict(rates)
    assert {(band.location, band.start): band.high for band in seen.bands if band.high is not None} == highs


def test_a_writer_and_readers_do_not_disturb_each_other() -> None:
    series, ended, wrong = TopicSeries(), threading.Event(), list[str]()

    def read() -> None:
        while not ended.is_set():
            seen = picture(series, View(WINDOWS[2]), 20)
            if sum(rate.insert for rate in seen.rates) != seen.version:
                wrong.append(f"{seen.version}: {seen.rates}")

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for number in range(5_000):
        series.take(event("INSERT", f"Town {number % 30}", number / 250, 70.0, 50.0))
    ended.set()
    for reader in readers:
        reader.join()

    assert not wrong
