"""Percentiles and classes of how long the stages took."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.pipes import latency
from services.pipes.latency import (
    CLASSES_S,
    SPANS,
    Sample,
    Samples,
    Stage,
    histogram,
    over_time,
    percentile,
)

NOW = 1_760_000_000.0


def a_sample(ended_at: float, target_s: float | None = 0.02) -> Sample:
    return Sample(ended_at, 0.4, 0.001, target_s, 0.5)


@pytest.mark.parametrize(("percent", "expected"), [(50, 2.0), (90, 4.0), (99, 4.0), (25, 1.0), (26, 2.0)])
def test_a_percentile_is_a_value_that_was_measured(percent: float, expected: float) -> None:
    assert percentile([1.0, 2.0, 3.0, 4.0], percent) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 100))
def test_so_many_percent_do_not_exceed_the_percentile(values: list[float], percent: float) -> None:
    found = percentile(sorted(values), percent)

    assert found in values
    assert sum(value <= found for value in values) >= len(values) * percent / 100 - 1e-9


def test_each_stage_has_its_percentiles_in_each_span_that_has_samples() -> None:
    samples = [a_sample(NOW + 0.5, 0.01), a_sample(NOW + 0.6, 0.03), a_sample(NOW + 899.9, None)]

    found = over_time(samples, NOW, NOW + 900)

    first, last = [span for span in found if span.at == NOW], [span for span in found if span.at != NOW]
    assert [span.stage for span in first] == list(Stage)
    (target,) = [span for span in first if span.stage is Stage.TARGET]
    assert (target.p50_s, target.p90_s, target.p99_s, target.count) == (0.01, 0.03, 0.03, 2)
    assert Stage.TARGET not in [span.stage for span in last]
    assert {span.at for span in last} == {NOW + 885}


@given(st.lists(st.floats(NOW, NOW + 900), max_size=300))
def test_a_chart_gets_no_more_points_than_a_browser_draws(moments: list[float]) -> None:
    found = over_time([a_sample(moment) for moment in moments], NOW, NOW + 900)

    assert len(found) * 3 <= SPANS * len(Stage) * 3 <= 1_000
    assert sum(span.count for span in found if span.stage is Stage.TOTAL) == len(moments)


@given(st.lists(st.floats(0, 100)))
def test_every_sample_is_in_one_class_of_the_histogram(seconds: list[float]) -> None:
    counts = histogram([a_sample(NOW, value) for value in seconds], Stage.TARGET)

    assert sum(counts) == len(seconds)
    assert counts[-1] == sum(value > CLASSES_S[-1] for value in seconds)


def test_samples_are_the_newest_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(latency, "SAMPLES", 3)
    samples = Samples()
    for second in range(5):
        samples.add(a_sample(NOW + second))

    assert [sample.ended_at for sample in samples.since(NOW)] == [NOW + 4, NOW + 3, NOW + 2]
    assert len(samples.since(NOW, most=1)) == 1
    samples.prune(NOW + 4)
    assert [sample.ended_at for sample in samples.since(NOW)] == [NOW + 4]
