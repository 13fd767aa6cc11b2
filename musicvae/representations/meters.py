"""Which meters a model knows, and how others are read in them: `Regrouped` or `Native`.

A meter is read in a known one by its beats, not by its length alone: bars of 3/8, one dotted beat
each, pair into 6/8; 6/4, two dotted halves, divides into two of 3/4, and 3/2 into three of 2/4.
Note values stay as they are. What has no such reading (5/4, 7/8) is left out. With `force`, such as
"4/4", either choice reads all music in bars of that meter, whatever meters and bar lines it has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from musicvae.notes.quantize import STEPS_PER_QUARTER
from musicvae.notes.score import Meter
from musicvae.representations.base import Categorical

STEPS_PER_WHOLE = 4 * STEPS_PER_QUARTER


@dataclass(frozen=True)
class Known:
    """A meter that a model knows."""

    numerator: int
    denominator: int

    @property
    def steps(self) -> int:
        """Sixteenths in a bar."""
        return STEPS_PER_WHOLE * self.numerator // self.denominator

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"


TWO_FOUR, THREE_FOUR, FOUR_FOUR = Known(2, 4), Known(3, 4), Known(4, 4)
SIX_EIGHT, NINE_EIGHT, TWELVE_EIGHT = Known(6, 8), Known(9, 8), Known(12, 8)

# A meter's place in this list is the class that stands for it in controls.
KNOWN = (TWO_FOUR, THREE_FOUR, FOUR_FOUR, SIX_EIGHT, NINE_EIGHT, TWELVE_EIGHT)


@dataclass(frozen=True, kw_only=True)
class Regrouped:
    """Bars of 16 sixteenths, or of 12 where the numerator is a multiple of three.

    Meters of another length are joined or divided to these: 2/4 is paired and 4/2 halved, 3/8 is
    paired and 12/8 halved. 9/8 fits neither. A model is not told the meter.
    """

    force: str | None = None

    stride: ClassVar[int] = FOUR_FOUR.steps  # the room of a bar
    controls: ClassVar[Categorical | None] = None
    known: ClassVar[tuple[Known, ...]] = (THREE_FOUR, FOUR_FOUR)

    def __post_init__(self) -> None:
        _check_force(self)

    def read_as(self, meter: Meter) -> Known | None:
        """The known meter in which bars of `meter` are read, or None."""
        steps = bar_steps(meter)
        known = FOUR_FOUR if meter.numerator % 3 else THREE_FOUR
        return known if steps and _one_divides_the_other(steps, known.steps) else None


@dataclass(frozen=True, kw_only=True)
class Native:
    """Six meters as they are written, with bars of 8, 12, 16, 12, 18 and 24 sixteenths.

    A model is told the meter at every step.
    """

    force: str | None = None

    stride: ClassVar[int] = TWELVE_EIGHT.steps
    controls: ClassVar[Categorical | None] = Categorical(len(KNOWN))
    known: ClassVar[tuple[Known, ...]] = KNOWN

    def __post_init__(self) -> None:
        _check_force(self)

    def read_as(self, meter: Meter) -> Known | None:
        """The known meter in which bars of `meter` are read, or None."""
        steps = bar_steps(meter)
        if not steps:
            return None
        choices = _same_beats(meter, steps)
        whole = [known for known in choices if steps % known.steps == 0]
        if whole:
            return whole[0]
        return choices[-1] if choices[-1].steps % steps == 0 else None


Meters = Regrouped | Native


def bar_steps(meter: Meter) -> int | None:
    """Sixteenths in a bar; None if they are no whole number, or the meter is none."""
    if meter.numerator < 1 or meter.denominator < 1:
        return None
    steps, fraction = divmod(STEPS_PER_WHOLE * meter.numerator, meter.denominator)
    return None if fraction else steps


def tell(meters: Meters, known: np.ndarray, lengths: np.ndarray) -> np.ndarray | None:
    """What a model is told of windows in the meters of class `known` (W,): controls, or None.

    `lengths` (W, bars) -> (W, bars * stride) uint8, the class at every valid step, 0 elsewhere.
    """
    if meters.controls is None:
        return None
    valid = np.arange(meters.stride) < lengths[:, :, None]
    told: np.ndarray = (valid * known[:, None, None]).astype(np.uint8)
    return told.reshape(len(known), lengths.shape[1] * meters.stride)


def list_known(meters: Meters) -> str:
    """Such as "3/4 or 4/4"."""
    return ", ".join(map(str, meters.known[:-1])) + f" or {meters.known[-1]}"


def parse_meter(text: str) -> Meter:
    """Such as "6/8". Raises `ValueError` for what is no meter."""
    said = re.fullmatch(r"\s*([1-9]\d?)\s*/\s*([1-9]\d?)\s*", text)
    if said is None:
        raise ValueError(f"a meter is written like 4/4 or 6/8, not {text!r}")
    return Meter(0.0, int(said[1]), int(said[2]))


def meter_to_force(meter: Meter) -> str:
    """The meter to force on music in one that no model knows: 6/8 if its beats are dotted, or 4/4.

    Every model knows these two.
    """
    dotted = meter.denominator >= 8 and meter.numerator % 3 == 0
    return "6/8" if dotted else "4/4"


def forced(meters: Meters) -> Meter | None:
    """The meter that `meters` forces on all music, if any."""
    return None if meters.force is None else parse_meter(meters.force)


def regrouping(meter: Meter, meters: Meters) -> str | None:
    """What becomes of the bars of `meter`, in words; None if they stay as they are.

    Such as "bars in 3/8 are read two at a time, as 6/8".
    """
    known, steps = meters.read_as(meter), bar_steps(meter)
    if known is None or not steps:
        return None
    told = meters.controls is not None
    name = str(known) if told else f"{known.steps} sixteenths"
    if steps < known.steps:
        return f"bars in {meter} are read {_number(known.steps // steps)} at a time, as {name}"
    if steps > known.steps:
        return f"each bar in {meter} is read as {_number(steps // known.steps)} of {name}"
    return f"bars in {meter} are read as {name}" if told and str(meter) != name else None


def _same_beats(meter: Meter, steps: int) -> tuple[Known, ...]:
    """The known meters that have the beats of `meter`, those of more beats first."""
    if meter.numerator % 3:
        return (FOUR_FOUR,) if steps >= FOUR_FOUR.steps else (TWO_FOUR,)
    return {
        1: (FOUR_FOUR,),  # three beats of a whole note, each a bar
        2: (TWO_FOUR,),  # three beats of a half note, each a bar
        4: (THREE_FOUR,),
        8: (TWELVE_EIGHT, NINE_EIGHT, SIX_EIGHT),
    }.get(meter.denominator, (TWELVE_EIGHT, SIX_EIGHT))  # three dotted eighths fit no bar of 9/8


def _check_force(meters: Meters) -> None:
    meter = forced(meters)
    if meter is not None and meters.read_as(meter) is None:
        raise ValueError(f"no bars can be made of {meter}; known are {list_known(meters)}")


def _one_divides_the_other(a: int, b: int) -> bool:
    return a % b == 0 or b % a == 0


def _number(n: int) -> str:
    return {2: "two", 3: "three", 4: "four"}.get(n, str(n))


REGROUPED = Regrouped()  # what most models read
