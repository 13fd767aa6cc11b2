"""Windows at any bar of a source, cut from the consecutive ones that a representation gives."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import numpy as np

from musicvae.representations.base import Example


@dataclass(frozen=True, eq=False)
class Windows:
    """Consecutive examples seen as one row of segments, what fills up the last one left off."""

    examples: tuple[Example, ...]

    @property
    def size(self) -> int:
        """Segments in a window."""
        return len(self.examples[0].lengths)

    @property
    def count(self) -> int:
        """Segments of the whole source: at least one window."""
        return max(len(self.examples) * self.size - self.examples[-1].filler, self.size)

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
