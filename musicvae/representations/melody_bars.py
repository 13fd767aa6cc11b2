"""The bars of a score, as a melody model sees them: sixteen or twelve sixteenths each.

4/4, 2/2 and the like are bars of 16; 2/4 is paired and 4/2 halved to them. 3/4 and 6/8 are bars of
12; 3/8 is paired and 12/8 halved to them. Meters that fit neither (5/4, 7/8, 9/8) are left out. A
change of meter begins a bar. A bar that it cuts short is filled up: at its end, or at its beginning
if it is the upbeat with which the music starts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from musicvae.notes.quantize import STEPS_PER_QUARTER, quarters_to_steps
from musicvae.notes.score import Meter, Score
from musicvae.representations.melody_events import STEPS_PER_BAR

TRIPLE_STEPS_PER_BAR = 12


@dataclass(frozen=True, eq=False, kw_only=True)
class Stretch:
    """Bars of one size that follow one another.

    Bar b holds `count[b]` steps of the source from step `first[b]` on; those of the first bar
    stand `upbeat` steps in.
    """

    steps_per_bar: int
    first: np.ndarray  # (B,) int64, the source step of the bar's first real step
    count: np.ndarray  # (B,) int64, 1 to steps_per_bar
    meters: np.ndarray  # (B,) of Meter
    upbeat: int = 0

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True, kw_only=True)
class Unsupported:
    """A part of the score in a meter that is left out: its name and its number of bars."""

    meter: Meter
    bars: int


def bar_size(meter: Meter) -> int | None:
    """16 or 12 sixteenths for a meter that can be regrouped to such bars; otherwise None."""
    if meter.numerator < 1 or meter.denominator < 1:
        return None
    size = TRIPLE_STEPS_PER_BAR if meter.numerator % 3 == 0 else STEPS_PER_BAR
    steps, fraction = divmod(STEPS_PER_QUARTER * 4 * meter.numerator, meter.denominator)
    fits = not fraction and (size % steps == 0 or steps % size == 0)
    return size if fits else None


def lay_out_bars(score: Score, total_steps: int) -> list[Stretch | Unsupported]:
    """The bars that cover steps 0 to `total_steps`, in order."""
    laid: list[Stretch | Unsupported] = []
    regions = _regions(score, total_steps)
    for k, (meter, begin, end) in enumerate(regions):
        upbeat = _upbeat_size(regions) if k == 0 else None
        size = upbeat or bar_size(meter)
        if size is None:
            laid.append(Unsupported(meter=meter, bars=_count_bars(meter, end - begin)))
            continue
        if upbeat:
            meter = regions[1][0]
        first = np.arange(begin, end, size, dtype=np.int64)
        is_last = k == len(regions) - 1
        stretch = Stretch(
            steps_per_bar=size,
            first=first,
            count=np.full(len(first), size) if is_last else np.minimum(size, end - first),
            meters=np.full(len(first), meter, dtype=object),
            upbeat=begin + size - end if upbeat else 0,
        )
        last = laid[-1] if laid else None
        if isinstance(last, Stretch) and last.steps_per_bar == size:
            laid[-1] = _join(last, stretch)
        else:
            laid.append(stretch)
    return laid


def _regions(score: Score, total_steps: int) -> list[tuple[Meter, int, int]]:
    """Meter, first step and end of every part in one meter; at least one part, none empty."""
    stated: list[tuple[Meter, int]] = [(score.meter_at(0.0), 0)]
    for meter in score.meters:
        at = int(quarters_to_steps(score.quarters_at(meter.time), STEPS_PER_QUARTER))
        if at >= total_steps:
            break
        same = (meter.numerator, meter.denominator) == (
            stated[-1][0].numerator,
            stated[-1][0].denominator,
        )
        if at <= stated[-1][1]:
            stated[-1] = (meter, stated[-1][1])
        elif not same:
            stated.append((meter, at))
    ends = [at for _, at in stated[1:]] + [max(total_steps, 1)]
    return [(m, at, end) for (m, at), end in zip(stated, ends, strict=True)]


def _upbeat_size(regions: list[tuple[Meter, int, int]]) -> int | None:
    """The bar size behind a first part that is shorter than one such bar; otherwise None."""
    if len(regions) < 2:
        return None
    size = bar_size(regions[1][0])
    _, begin, end = regions[0]
    return size if size is not None and end - begin < size else None


def _count_bars(meter: Meter, steps: int) -> int:
    is_meter = meter.numerator > 0 and meter.denominator > 0
    quarters = meter.quarters_per_bar if is_meter else 4.0
    return max(round(steps / STEPS_PER_QUARTER / quarters), 1)


def _join(a: Stretch, b: Stretch) -> Stretch:
    return Stretch(
        steps_per_bar=a.steps_per_bar,
        first=np.concatenate([a.first, b.first]),
        count=np.concatenate([a.count, b.count]),
        meters=np.concatenate([a.meters, b.meters]),
        upbeat=a.upbeat,
    )
