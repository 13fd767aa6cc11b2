"""Schedules at the steps that the published tables give, at their ends, and in between."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicvae.config import Aggressive
from musicvae.schedules import (
    Constant,
    Cyclical,
    ExponentialDecay,
    ExponentialRise,
    InverseSigmoid,
    LinearRamp,
    Schedule,
    Sigmoid,
    WarmupCosine,
    WarmupHoldDecay,
)

ALL: list[Schedule] = [
    Constant(value=0.3),
    ExponentialDecay(),
    ExponentialRise(limit=0.2, rate=0.99999),
    InverseSigmoid(k=1000),
    LinearRamp(start=0.1, end=0.7, steps=50),
    Sigmoid(limit=0.9, middle=100, width=7),
    Cyclical(limit=0.9, steps=150, cycles=4, rise=0.7),
    WarmupCosine(peak=1e-3, warmup=10, total=100, floor=1e-5),
    WarmupHoldDecay(peak=1e-3, warmup=10, total=100, decay=30, floor=1e-5),
]


@pytest.mark.parametrize(
    ("step", "beta", "rate", "sampling"),
    [(1_000, 0.0020, 9.1e-4, 0.003), (10_000, 0.019, 3.7e-4, 0.957), (50_000, 0.079, 1.7e-5, 1.0),
     (200_000, 0.173, 1.0e-5, 1.0)],
)  # fmt: skip
def test_the_published_schedules_reach_the_published_values(
    step: int, beta: float, rate: float, sampling: float
) -> None:
    assert ExponentialRise(limit=0.2, rate=0.99999).at(step) == pytest.approx(beta, rel=0.03)
    assert ExponentialDecay().at(step) == pytest.approx(rate, rel=0.03)
    assert InverseSigmoid(k=1000).at(step) == pytest.approx(sampling, abs=1e-3)


def test_half_of_the_tokens_are_sampled_at_k_ln_k() -> None:
    assert InverseSigmoid(k=1000).at(round(1000 * math.log(1000))) == pytest.approx(0.5, abs=1e-3)
    assert InverseSigmoid(k=1000).at(0) == pytest.approx(1 / 1001)


def test_a_rise_of_rate_0_is_at_its_limit_from_step_1() -> None:
    assert [ExponentialRise(limit=0.2).at(step) for step in (0, 1, 2)] == [0.0, 0.2, 0.2]


def test_ramp() -> None:
    ramp = LinearRamp(start=0.1, end=0.7, steps=6)
    assert [ramp.at(s) for s in (0, 3, 6, 99)] == pytest.approx([0.1, 0.4, 0.7, 0.7])


def test_an_s_is_the_logistic_function() -> None:
    curve = Sigmoid(limit=0.6, middle=100, width=10)
    at = {0: math.exp(-10) / (1 + math.exp(-10)), 80: 1 / (1 + math.e**2), 100: 0.5,
          110: math.e / (1 + math.e), 10**9: 1.0}  # fmt: skip
    for step, share in at.items():
        assert curve.at(step) == pytest.approx(0.6 * share, rel=1e-9)
    for beside in (3, 30, 90):  # half the way in the middle, and alike before and after
        assert curve.at(100 - beside) + curve.at(100 + beside) == pytest.approx(0.6)


def test_cycles_rise_in_a_straight_line_and_rest_at_the_limit() -> None:
    cycles = Cyclical(limit=0.8, steps=400, cycles=4, rise=0.5)  # each of 100 steps, 50 of rise
    for begin in (0, 100, 200, 300):
        assert [cycles.at(begin + s) for s in (0, 1, 25, 49, 50, 99)] == pytest.approx(
            [0.0, 0.8 / 50, 0.4, 0.8 * 49 / 50, 0.8, 0.8]
        )
    assert [cycles.at(s) for s in (400, 401, 10**6)] == [0.8, 0.8, 0.8]


@given(
    cycles=st.integers(1, 8), length=st.integers(20, 200), rise=st.sampled_from([0.25, 0.5, 1.0])
)
def test_there_are_as_many_cycles_as_asked_for_and_each_rises_for_its_share(
    cycles: int, length: int, rise: float
) -> None:
    schedule = Cyclical(steps=cycles * length, cycles=cycles, rise=rise)
    values = [schedule.at(step) for step in range(cycles * length)]
    falls = [i for i in range(1, len(values)) if values[i] < values[i - 1]]
    assert falls == [length * m for m in range(1, cycles)]
    assert all(values[i] == 0 for i in (0, *falls))
    at_limit = sum(value == 1.0 for value in values) / len(values)
    assert at_limit == pytest.approx(1 - rise, abs=1.01 / length)
    for step in range(length):  # the paper's equation 6
        tau = step / length
        assert schedule.at(step) == pytest.approx(min(tau / rise, 1.0))


def test_warm_up_and_cosine() -> None:
    cosine = WarmupCosine(peak=1.0, warmup=4, total=14, floor=0.2)
    assert [cosine.at(s) for s in (0, 1, 3)] == [0.25, 0.5, 1.0]
    assert [cosine.at(s) for s in (4, 9, 14, 99)] == pytest.approx([1.0, 0.6, 0.2, 0.2])


def test_warm_up_hold_and_decay() -> None:
    held = WarmupHoldDecay(peak=1.0, warmup=4, total=20, decay=5)
    assert [held.at(s) for s in (0, 3, 4, 15, 16, 20, 99)] == pytest.approx(
        [0.25, 1.0, 1.0, 1.0, 0.8, 0.0, 0.0]
    )


@given(total=st.integers(50, 500), longer=st.integers(1, 500))
def test_a_held_run_can_be_prolonged(total: int, longer: int) -> None:
    short = WarmupHoldDecay(peak=1.0, warmup=5, total=total, decay=20)
    long = WarmupHoldDecay(peak=1.0, warmup=5, total=total + longer, decay=20)
    until = total - 20
    assert [short.at(s) for s in range(until)] == [long.at(s) for s in range(until)]


@pytest.mark.parametrize("schedule", ALL, ids=lambda s: type(s).__name__)
def test_every_schedule_is_finite_and_positive_at_every_step(schedule: Schedule) -> None:
    values = [schedule.at(step) for step in (*range(200), 10**5, 10**6, 10**9)]
    assert all(math.isfinite(v) and 0 <= v <= 1 for v in values)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Sigmoid(middle=10, width=0), "width of Sigmoid is above 0"),
        (lambda: Cyclical(steps=0), "steps of Cyclical is above 0"),
        (lambda: Cyclical(steps=10, rise=0.0), "rise of Cyclical is above 0"),
        (lambda: Aggressive(window=0), "window of Aggressive is 1 or more"),
    ],
)
def test_what_would_be_divided_by_is_not_zero(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
