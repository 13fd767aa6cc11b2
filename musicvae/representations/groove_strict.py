"""The reference's extraction of grooves (magenta's `GrooveConverter`), window for window.

Its rules, as observed: nothing is cut at changes of time, music in more than one tempo or meter
gives nothing; only bars of sixteen sixteenths count; every note of the file is a drum, of whatever
track, and one pitch that the kit does not have spoils the file; windows follow one another from the
start, silent ones too, up to the bar of the last onset, and what does not fill a window is left
out.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.quantize import STEPS_PER_QUARTER, quantize
from musicvae.notes.score import Score, StepScore
from musicvae.representations.base import Origin
from musicvae.representations.groove_strokes import (
    GrooveWindows,
    Kit,
    RolandKit,
    cut_windows,
    to_strokes,
)
from musicvae.representations.melody_events import STEPS_PER_BAR


@dataclass(frozen=True, kw_only=True)
class StrictGroove:
    """As the reference does it, for parity with published models.

    `kit` is `RolandKit()` as in training, or `GeneralMidiKit()` as the reference has it in use.
    """

    kit: Kit = field(default_factory=RolandKit)

    def extract(self, score: Score, *, bars: int, overlap: bool) -> GrooveWindows:
        """All windows of `bars` bars; raises `Rejected` if the score cannot be read.

        Windows never overlap. With `overlap` they are the reference's, without it the last one is
        filled up with silence.
        """
        if not len(score):
            raise Rejected("no-notes", "the file has no notes: nothing to read a groove from")
        steps = quantize(score)
        if steps.steps_per_bar != STEPS_PER_BAR:
            raise Rejected(
                "unsupported-meter",
                f"the music is in {steps.meter}, and a groove is read in bars of 4/4",
            )
        drum = self.kit.classes[score.pitch]
        if drum.min() < 0:
            foreign = ", ".join(map(str, np.unique(score.pitch[drum < 0]).tolist()))
            raise Rejected(
                "unknown-drums",
                f"the kit ({type(self.kit).__name__}) has no drum for the pitches {foreign}, and "
                "the strict way in reads all of a file or nothing",
            )
        late = score.start * (steps.qpm / 60 * STEPS_PER_QUARTER) - steps.start_step
        total = int(steps.start_step.max()) // STEPS_PER_BAR + 1  # bars
        strokes = to_strokes(steps.start_step, late, drum, score.velocity, total * STEPS_PER_BAR)
        first, tokens = cut_windows(strokes, bars, hop=bars, fill=not overlap)
        return GrooveWindows(
            tokens=tokens,
            filler=np.maximum(first + bars - total, 0),
            origins=partial(_origins, score, steps, first),
            dropped={} if len(tokens) else {"too-short": 1},
        )


def _origins(score: Score, steps: StepScore, first: np.ndarray) -> tuple[Origin, ...]:
    track = score.tracks[int(score.track[0])]
    return tuple(
        Origin(
            start_step=bar * STEPS_PER_BAR,
            start_seconds=bar * STEPS_PER_BAR * 60 / steps.qpm / STEPS_PER_QUARTER,
            qpm=steps.qpm,
            program=track.program,
            name=track.name,
        )
        for bar in first.tolist()
    )
