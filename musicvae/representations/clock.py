"""When windows that follow one another sound: the tempos and meters that their origins state."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from musicvae.notes.quantize import STEPS_PER_QUARTER
from musicvae.notes.score import DEFAULT_QPM, Meter, Tempo
from musicvae.representations.base import Example, Origin
from musicvae.representations.melody_bars import TRIPLE_STEPS_PER_BAR, bar_size
from musicvae.representations.melody_events import STEPS_PER_BAR


@dataclass(frozen=True, eq=False, kw_only=True)
class Clock:
    """Steps -> seconds for windows one after another; one entry for every run of equal tempo."""

    tempos: tuple[Tempo, ...]
    steps: np.ndarray  # (R,) first step of each run

    @staticmethod
    def of(origins: Sequence[Origin], bounds: np.ndarray) -> Clock:
        """`bounds` (W + 1,): the step at which each window begins, and the end of the last."""
        first = [i for i, o in enumerate(origins) if i == 0 or o.qpm != origins[i - 1].qpm]
        qpms = [origins[i].qpm for i in first] or [DEFAULT_QPM]
        steps = bounds[first] if first else np.zeros(1, dtype=np.int64)
        lasting = np.diff(steps) * _seconds_per_step(np.array(qpms[:-1]))
        times = np.concatenate([[0.0], np.cumsum(lasting)]).tolist()
        return Clock(tempos=tuple(map(Tempo, times, qpms)), steps=steps)

    def seconds(self, step: np.ndarray) -> np.ndarray:
        """The time of each step, float64."""
        run = np.searchsorted(self.steps, step, side="right") - 1
        times = np.array([t.time for t in self.tempos])[run]
        qpm = np.array([t.qpm for t in self.tempos])[run]
        seconds: np.ndarray = times + (step - self.steps[run]) * _seconds_per_step(qpm)
        return seconds


def meters_of(examples: Sequence[Example], bounds: np.ndarray, clock: Clock) -> tuple[Meter, ...]:
    """The meters of the examples where they change; `bounds` as for `Clock.of`."""
    meters = []
    for k, run in groupby(range(len(examples)), key=lambda i: _meter_of(examples[i])):
        at = float(clock.seconds(bounds[[next(run)]])[0])
        meters.append(Meter(at, *k))
    return tuple(meters)


def _seconds_per_step(qpm: np.ndarray) -> np.ndarray:
    seconds: np.ndarray = 60 / qpm / STEPS_PER_QUARTER
    return seconds


def _meter_of(example: Example) -> tuple[int, int]:
    """Its origin's meter, or the plain one that its bars have if the two do not agree."""
    stated = Meter(0.0, example.origin.numerator, example.origin.denominator)
    size = int(example.lengths[0]) if len(example.lengths) else STEPS_PER_BAR
    if size in (STEPS_PER_BAR, TRIPLE_STEPS_PER_BAR) and bar_size(stated) != size:
        return (4, 4) if size == STEPS_PER_BAR else (3, 4)
    return (stated.numerator, stated.denominator)
