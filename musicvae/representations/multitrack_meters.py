"""The bars of a score on a grid of 24 steps a quarter, none longer than four quarters.

Bars that are longer are divided into equal parts: 12/8 into two of 6/8, 9/8 into three of 3/8,
6/4 into two of 3/4. What has no such parts (5/4) is left out. A change of meter begins a bar. A bar
that it cuts short is filled up: at its end, or at its beginning if it is the upbeat with which the
music starts.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from musicvae.notes.quantize import quarters_to_steps
from musicvae.notes.score import Meter, Score
from musicvae.representations.melody_events import count_dropped
from musicvae.representations.performance_events import MOST_STEPS, STEPS_PER_QUARTER

SHORTEST_PART = 36  # steps of a part of a bar: three eighths


@dataclass(frozen=True, eq=False, kw_only=True)
class BarLines:
    """Where bars lie in the source: bar b holds `count[b]` steps from step `begin[b]` on.

    Those of a bar that begins with an upbeat stand `upbeat[b]` steps in.
    """

    begin: np.ndarray  # (B,) int64, ascending
    count: np.ndarray  # (B,) int64, 1 to `size`
    size: np.ndarray  # (B,) int64, at most 96
    upbeat: np.ndarray  # (B,) int64, mostly 0
    meters: np.ndarray  # (B,) of Meter

    def __len__(self) -> int:
        return len(self.begin)

    def bar_at(self, step: np.ndarray) -> np.ndarray:
        """The last bar that begins at or before each step; the first for steps before all."""
        bars: np.ndarray = np.maximum(np.searchsorted(self.begin, step, side="right") - 1, 0)
        return bars


def bar_meter(meter: Meter) -> Meter | None:
    """The meter in whose bars those of `meter` are read: itself or a part of it, or None."""
    steps, fraction = divmod(4 * STEPS_PER_QUARTER * meter.numerator, max(meter.denominator, 1))
    if meter.numerator < 1 or meter.denominator < 1 or fraction:
        return None
    if steps <= MOST_STEPS:
        return meter
    for parts in range(2, steps // SHORTEST_PART + 1):
        if meter.numerator % parts == 0 and steps // parts <= MOST_STEPS:
            return replace(meter, numerator=meter.numerator // parts)
    return None


def bar_steps(meter: Meter) -> int:
    """Steps of a bar of what `bar_meter` gives."""
    return 4 * STEPS_PER_QUARTER * meter.numerator // meter.denominator


def lay_bar_lines(
    score: Score, total_steps: int, dropped: dict[str, int], remarks: list[str]
) -> BarLines:
    """The bars that cover steps 0 to `total_steps`; what is left out is counted and said."""
    laid = [_bars(0, 0, Meter(0.0, 4, 4))]
    regions = _regions(score, total_steps)
    for k, (meter, begin, end) in enumerate(regions):
        read = bar_meter(meter)
        after = bar_meter(regions[1][0]) if k == 0 and len(regions) > 1 else None
        if after is not None and _is_upbeat(end - begin, read, after):
            upbeat = np.array([bar_steps(after) - (end - begin)])
            laid.append(replace(_bars(begin, end, after), upbeat=upbeat))
            continue
        if read is None:
            bars = max(round((end - begin) / STEPS_PER_QUARTER / _quarters(meter)), 1)
            count_dropped(dropped, "unsupported-meter", bars)
            remarks.append(
                f"bars in {meter} left out, which have more than four quarters and no equal "
                f"parts that have fewer: {bars}"
            )
            continue
        said = f"bars in {meter} are read as bars in {read}"
        if read != meter and said not in remarks:
            remarks.append(said)
        size = bar_steps(read)
        is_last = k == len(regions) - 1
        laid.append(_bars(begin, end + (begin - end) % size if is_last else end, read))
    lines = _join(laid)
    filled = int((lines.count < lines.size).sum())
    if filled:
        remarks.append(f"bars cut short by a change of meter and filled up: {filled}")
    return lines


def _is_upbeat(steps: int, read: Meter | None, after: Meter) -> bool:
    """Whether so many steps at the start are no bar of their own meter, but less than one after."""
    own = read is not None and steps % bar_steps(read) == 0 and bar_steps(read) >= SHORTEST_PART
    return not own and steps < bar_steps(after)


def _regions(score: Score, total_steps: int) -> list[tuple[Meter, int, int]]:
    """Meter, first step and end of every part in one meter; at least one part, none empty."""
    stated: list[tuple[Meter, int]] = [(score.meter_at(0.0), 0)]
    for meter in score.meters:
        at = int(quarters_to_steps(score.quarters_at(meter.time), STEPS_PER_QUARTER))
        if at >= total_steps:
            break
        if at <= stated[-1][1]:
            stated[-1] = (meter, stated[-1][1])
        elif str(meter) != str(stated[-1][0]):
            stated.append((meter, at))
    ends = [at for _, at in stated[1:]] + [max(total_steps, 1)]
    return [(m, at, end) for (m, at), end in zip(stated, ends, strict=True)]


def _quarters(meter: Meter) -> float:
    is_meter = meter.numerator > 0 and meter.denominator > 0
    return meter.quarters_per_bar if is_meter else 4.0


def _bars(begin: int, end: int, meter: Meter) -> BarLines:
    """Bars of a meter from one step to another."""
    size = bar_steps(meter)
    begins = np.arange(begin, end, size, dtype=np.int64)
    return BarLines(
        begin=begins,
        count=np.minimum(size, end - begins),
        size=np.full(len(begins), size),
        upbeat=np.zeros(len(begins), dtype=np.int64),
        meters=np.full(len(begins), meter, dtype=object),
    )


def _join(laid: list[BarLines]) -> BarLines:
    return BarLines(
        begin=np.concatenate([x.begin for x in laid]),
        count=np.concatenate([x.count for x in laid]),
        size=np.concatenate([x.size for x in laid]),
        upbeat=np.concatenate([x.upbeat for x in laid]),
        meters=np.concatenate([x.meters for x in laid]),
    )
