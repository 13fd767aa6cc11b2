"""A progression of chords, told to a model window by window."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from musicvae.notes.chords import NO_CHORD, parse_progression
from musicvae.pipeline.codes import Codes
from musicvae.pipeline.walk import first_segments
from musicvae.representations.chord_controls import WithKey, likeliest_key

_FINEST = 16  # chords in a bar: one a sixteenth


@dataclass(frozen=True, kw_only=True)
class Progression:
    """The chords of each bar: ("C", "G Am")."""

    bars: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.bars)

    @staticmethod
    def parse(text: str) -> Progression:
        """`C G Am F` has a chord a bar; in `C | G Am | F` each part is a bar. `%` repeats a chord.

        Raises `ValueError` that names a chord that cannot be read, its place, and what can be read.
        """
        lines = text.strip().strip("|").split("|")
        parts = [p.split() for p in lines] if "|" in text else [[c] for c in text.split()]
        parse_progression(text, bars=max(len(parts), 1), steps_per_bar=_FINEST)
        last, bars = NO_CHORD, []
        for chords in parts:
            named = []
            for chord in chords or ["%"]:
                last = last if chord == "%" else chord
                named.append(last)
            bars.append(" ".join(named))
        return Progression(bars=tuple(bars))

    @staticmethod
    def window_bars(representation: Any) -> int:
        """Bars in a window of a representation that knows chords."""
        return int(representation.bars)

    def tell(self, representation: Any, first: int, meter: str) -> np.ndarray:
        """The controls (T, ...) of a window of bars in `meter` that begins with bar `first`; behind
        the last bar the progression begins again."""
        bars = " | ".join(self.bars[(first + i) % len(self)] for i in range(representation.bars))
        told: np.ndarray
        if not hasattr(representation, "meters"):  # bars of tracks, each of a meter of its own
            told = representation.controls_for(bars)
        elif isinstance(representation.chords, WithKey):
            key = likeliest_key(" ".join(self.bars).split())
            told = representation.controls_for(bars, meter, key=key)
        else:
            told = representation.controls_for(bars, meter)
        return told


def progression_for(representation: Any, chords: str, name: str) -> Progression:
    """`chords` for the model `name`. Raises `ValueError` for a model that knows none."""
    if getattr(representation, "chords", None) is None:
        raise ValueError(
            f"{name} knows no chords: a model that was told them in training does, such "
            "as one of the preset melody-2bar-chords"
        )
    return Progression.parse(chords)


def through(
    progression: Progression, z: Tensor, representation: Any, name: str
) -> tuple[Codes, int]:
    """Codes that go through a progression from each z (N, Z), and how many windows of each."""
    size = progression.window_bars(representation)
    windows = math.ceil(len(progression) / size)
    blank, spec = representation.blank(), representation.spec
    codes = Codes.plain(z.repeat_interleave(windows, 0), blank, spec, name)
    surplus = windows * size - max(len(progression), size)
    if surplus:
        codes.lengths[windows - 1 :: windows, -surplus:] = 0
    return tell(codes, progression, representation, windows=windows), windows


def tell(
    codes: Codes,
    progression: Progression,
    representation: Any,
    surplus: int = 0,
    windows: int = 0,
) -> Codes:
    """Codes whose windows are told the chords of a progression, from the beginning again
    after each number of `windows`; the one in the middle lacks `surplus` bars."""
    firsts = first_segments(windows or len(codes), progression.window_bars(representation), surplus)
    told = [
        progression.tell(representation, firsts[i % len(firsts)], f"{o.numerator}/{o.denominator}")
        for i, o in enumerate(codes.origins)
    ]
    controls = torch.from_numpy(np.stack(told).astype(np.int64))
    return dataclasses.replace(codes, controls=controls)
