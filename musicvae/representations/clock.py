"""When windows sound: where they lie in a score, as their origins state it, and the tempos and
meters of windows that follow one another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from musicvae.notes.quantize import STEPS_PER_QUARTER, seconds_at
from musicvae.notes.score import DEFAULT_QPM, Meter, Score, Tempo
from musicvae.representations.base import Example, Origin
from musicvae.representations.meters import KNOWN, REGROUPED, Meters


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


def origins_at(score: Score, quarters: np.ndarray, meters: np.ndarray) -> list[Origin]:
    """The origins of windows that begin so many `quarters` (W,) into a score, in `meters` (W,):
    when, and at which tempo. How they sound is for others to say."""
    tempo_at = score.quarters_at(np.array([t.time for t in score.tempos]))
    tempo = np.searchsorted(tempo_at, quarters + 1e-6, side="right") - 1
    step = (quarters * STEPS_PER_QUARTER).astype(np.int64)
    columns = (step, seconds_at(score, quarters), tempo, meters)
    return [
        Origin(
            start_step=step,
            start_seconds=seconds,
            qpm=score.tempos[k].qpm,
            numerator=meter.numerator,
            denominator=meter.denominator,
        )
        for step, seconds, k, meter in zip(*(c.tolist() for c in columns), strict=True)
    ]


def meters_of(
    examples: Sequence[Example], bounds: np.ndarray, clock: Clock, known: Meters = REGROUPED
) -> tuple[Meter, ...]:
    """The meters of the examples where they change; `bounds` as for `Clock.of`."""
    meters = []
    for k, run in groupby(range(len(examples)), key=lambda i: _meter_of(examples[i], known)):
        at = float(clock.seconds(bounds[[next(run)]])[0])
        meters.append(Meter(at, *k))
    return tuple(meters)


def _seconds_per_step(qpm: np.ndarray) -> np.ndarray:
    seconds: np.ndarray = 60 / qpm / STEPS_PER_QUARTER
    return seconds


def _meter_of(example: Example, known: Meters) -> tuple[int, int]:
    """Its origin's meter, or the plain one that its bars have if the two do not agree."""
    stated = Meter(0.0, example.origin.numerator, example.origin.denominator)
    size = example.lengths[:1].tolist()
    fitting = [k for k in known.known if [k.steps] == size]
    if known.controls is not None and example.controls is not None:
        told = KNOWN[int(example.controls[0])]
        fitting = [k for k in fitting if k == told] or fitting
    if fitting and known.read_as(stated) not in fitting:
        return (fitting[0].numerator, fitting[0].denominator)
    return (stated.numerator, stated.denominator)
