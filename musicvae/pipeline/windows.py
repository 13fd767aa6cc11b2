"""Windows at any bar of a source, cut from the consecutive ones that a representation gives."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from musicvae.representations.base import Example


@dataclass(frozen=True, eq=False)
class Windows:
    """Consecutive examples seen as one row of segments, what fills up the last one left off.

    Where segments are not `linked` (they do not follow one another in time) an example counts as
    one and is never cut. `anew` writes the tokens of a segment so that nothing goes on in it that
    sounds before it.
    """

    examples: tuple[Example, ...]
    linked: bool = True
    anew: Callable[[np.ndarray], np.ndarray] | None = None

    @property
    def size(self) -> int:
        """Segments in a window."""
        return len(self.examples[0].lengths) if self.linked else 1

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
        tokens = self._across(here.tokens, after.tokens, offset)
        if here.controls is None or after.controls is None:
            return dataclasses.replace(here, tokens=tokens)
        controls = self._across(here.controls, after.controls, offset)
        return dataclasses.replace(here, tokens=tokens, controls=controls)

    @property
    def played(self) -> int:
        """Segments after which the source begins again, played over and over."""
        return len(self.examples) * self.size - (self.examples[-1].filler if self.linked else 0)

    def onward(self, start: int) -> Example:
        """The window that begins at segment `start` of the source played over and over.

        Where that reaches over a change of meter it is the example itself.
        """
        place = start + np.arange(self.size)
        index, offset = np.divmod(place % self.played, self.size)
        used = [self.examples[i] for i in index.tolist()]
        here: Example = used[0]
        if not all(np.array_equal(here.lengths, e.lengths) for e in used):
            return dataclasses.replace(here, tokens=self._anew(here.tokens, [0] if start else []))
        again = np.flatnonzero((place > 0) & (place % self.played == 0)).tolist()
        tokens = self._anew(self._gathered([e.tokens for e in used], offset), again)
        controls = [e.controls for e in used if e.controls is not None]
        told = self._gathered(controls, offset) if len(controls) == len(used) else None
        return dataclasses.replace(here, tokens=tokens, controls=told, filler=0)

    def _anew(self, tokens: np.ndarray, segments: list[int]) -> np.ndarray:
        """Tokens (T, ...) of a window in which some segments begin anew."""
        if self.anew is None or not segments:
            return tokens
        parts = np.split(tokens, self.size)
        return np.concatenate([self.anew(p) if i in segments else p for i, p in enumerate(parts)])

    def _gathered(self, arrays: list[np.ndarray], offset: np.ndarray) -> np.ndarray:
        """Segment `offset[i]` of the i-th array (T, ...), one after another."""
        step = len(arrays[0]) // self.size
        rows = zip(arrays, offset.tolist(), strict=True)
        return np.concatenate([a[o * step : (o + 1) * step] for a, o in rows])

    def _across(self, here: np.ndarray, after: np.ndarray, offset: int) -> np.ndarray:
        """The last segments of one array (T, ...) from `offset` on, and the first of another."""
        step = offset * (len(here) // self.size)
        return np.concatenate([here[step:], after[:step]])
