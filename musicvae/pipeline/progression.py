"""A progression of chords, told to a model window by window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from musicvae.notes.chords import NO_CHORD, parse_progression
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
