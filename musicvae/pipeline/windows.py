"""Windows at any bar of a source, cut from the consecutive ones that a representation gives."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from musicvae.representations.base import Example, Origin


@dataclass(frozen=True, eq=False)
class Windows:
    """Consecutive examples seen as one row of segments, silent ones at the end left off."""

    examples: tuple[Example, ...]

    @property
    def size(self) -> int:
        """Segments in a window."""
        return len(self.examples[0].lengths)

    @property
    def count(self) -> int:
        """Segments of the whole source: at least one window."""
        sounding = np.flatnonzero(np.concatenate([self._bars(e).any(1) for e in self.examples]))
        last = int(sounding[-1]) + 1 if len(sounding) else 0
        return max(last, self.size)

    def at(self, places: np.ndarray) -> list[Example]:
        """The windows at relative `places`: 0 is the first one, 1 the last."""
        starts = np.round(np.asarray(places) * (self.count - self.size)).astype(int)
        return [self.window(int(start)) for start in starts]

    def window(self, start: int) -> Example:
        """The window whose first segment is the source's segment `start`."""
        index, offset = divmod(start, self.size)
        here = self.examples[index]
        if offset == 0:
            return here
        after = self.examples[index + 1]
        if not np.array_equal(here.lengths, after.lengths):
            return here  # the meter changes in between: no window reaches over that
        tokens = np.concatenate([self._bars(here)[offset:], self._bars(after)[:offset]])
        return dataclasses.replace(here, tokens=tokens.reshape(-1))

    def _bars(self, example: Example) -> np.ndarray:
        return example.tokens.reshape(self.size, -1)


def between(a: Example, b: Example, alpha: float) -> Example:
    """How the music between two windows is to sound: bars and instrument of the nearer one,
    tempo (by equal ratios) and velocity in between."""
    nearer = a if alpha < 0.5 else b
    first, second = a.origin, b.origin
    origin: Origin = dataclasses.replace(
        nearer.origin,
        qpm=round(first.qpm ** (1 - alpha) * second.qpm**alpha, 3),
        velocity=round((1 - alpha) * first.velocity + alpha * second.velocity),
    )
    return dataclasses.replace(nearer, origin=origin)


__all__ = ["Windows", "between"]
