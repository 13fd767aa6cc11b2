"""The bars of a score, in the meters that a model knows (`meters`).

Meters that cannot be read in one of these are left out. A change of meter begins a bar. A bar that
it cuts short is filled up: at its end, or at its beginning if it is the upbeat with which the music
starts.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from musicvae.notes.quantize import STEPS_PER_QUARTER, quarters_to_steps
from musicvae.notes.score import Meter, Score
from musicvae.representations.meters import (
    REGROUPED,
    Known,
    Meters,
    forced,
    list_known,
    meter_to_force,
    regrouping,
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Stretch:
    """Bars in one known meter that follow one another.

    Bar b holds `count[b]` steps of the source from step `first[b]` on; those of the first bar
    stand `upbeat` steps in. `remarks` say what is not as the source has it: bars that were joined
    or divided, or read in a meter that was forced.
    """

    known: Known
    first: np.ndarray  # (B,) int64, the source step of the bar's first real step
    count: np.ndarray  # (B,) int64, 1 to steps_per_bar
    meters: np.ndarray  # (B,) of Meter
    upbeat: int = 0
    remarks: tuple[str, ...] = ()

    @property
    def steps_per_bar(self) -> int:
        return self.known.steps

    def __len__(self) -> int:
        return len(self.first)


@dataclass(frozen=True, kw_only=True)
class Unsupported:
    """A part of the score in a meter that is left out: its name and its number of bars."""

    meter: Meter
    bars: int

    def remark(self, meters: Meters) -> str:
        """What was left out, what could have been read, and what can be done."""
        return (
            f"bars in {self.meter} left out, which cannot be read as {list_known(meters)}: "
            f"{self.bars} (--force reads all bars in {meter_to_force(self.meter)})"
        )


def lay_out_bars(
    score: Score, total_steps: int, meters: Meters = REGROUPED
) -> list[Stretch | Unsupported]:
    """The bars that cover steps 0 to `total_steps`, in order."""
    laid: list[Stretch | Unsupported] = []
    regions = _regions(score, total_steps, forced(meters))
    for k, (meter, begin, end) in enumerate(regions):
        upbeat = _upbeat(regions, meters) if k == 0 else None
        known = upbeat or meters.read_as(meter)
        if known is None:
            laid.append(Unsupported(meter=meter, bars=_count_bars(meter, end - begin)))
            continue
        if upbeat:
            meter = regions[1][0]
        size = known.steps
        first = np.arange(begin, end, size, dtype=np.int64)
        is_last = k == len(regions) - 1
        stretch = Stretch(
            known=known,
            first=first,
            count=np.full(len(first), size) if is_last else np.minimum(size, end - first),
            meters=np.full(len(first), meter, dtype=object),
            upbeat=begin + size - end if upbeat else 0,
            remarks=() if upbeat else _remarks(score, meter, meters),
        )
        last = laid[-1] if laid else None
        if isinstance(last, Stretch) and last.known == known:
            laid[-1] = _join(last, stretch)
        else:
            laid.append(stretch)
    return laid


def _remarks(score: Score, meter: Meter, meters: Meters) -> tuple[str, ...]:
    """What is done to the bars of `meter` of the score."""
    said = regrouping(meter, meters)
    if meters.force is None:
        return (said,) if said else ()
    stated = dict.fromkeys(str(m) for m in (score.meter_at(0.0), *score.meters))
    if list(stated) == [str(meter)]:
        return ()
    return (f"all bars are read in {meter}, as asked for; the file says {', '.join(stated)}",)


def _regions(score: Score, total_steps: int, forced: Meter | None) -> list[tuple[Meter, int, int]]:
    """Meter, first step and end of every part in one meter; at least one part, none empty."""
    if forced is not None:
        return [(forced, 0, max(total_steps, 1))]
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


def _upbeat(regions: list[tuple[Meter, int, int]], meters: Meters) -> Known | None:
    """The meter behind a first part that is shorter than one bar of it; otherwise None."""
    if len(regions) < 2:
        return None
    known = meters.read_as(regions[1][0])
    _, begin, end = regions[0]
    return known if known is not None and end - begin < known.steps else None


def _count_bars(meter: Meter, steps: int) -> int:
    is_meter = meter.numerator > 0 and meter.denominator > 0
    quarters = meter.quarters_per_bar if is_meter else 4.0
    return max(round(steps / STEPS_PER_QUARTER / quarters), 1)


def _join(a: Stretch, b: Stretch) -> Stretch:
    return Stretch(
        known=a.known,
        first=np.concatenate([a.first, b.first]),
        count=np.concatenate([a.count, b.count]),
        meters=np.concatenate([a.meters, b.meters]),
        upbeat=a.upbeat,
        remarks=tuple(dict.fromkeys(a.remarks + b.remarks)),
    )
