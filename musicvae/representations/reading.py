"""What the representations of music share: MIDI files in and out, and windows made into examples.

Letters: N windows, T steps, S segments.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.score import Score
from musicvae.notes.transform import concatenate
from musicvae.representations.base import Example, Survey, TokenSpec
from musicvae.representations.melody_events import Windows


class ReadsMidi:
    """Its sources are scores, its files MIDI files."""

    extensions: ClassVar[tuple[str, ...]] = (".mid", ".midi")

    def read(self, source: object) -> Score:
        """A path, the bytes of a MIDI file, or a library's score. Raises `InvalidMusic`."""
        from musicvae.notes.interop import to_score

        return to_score(source)

    def write(self, source: Score, path: str | Path) -> None:
        """Write a MIDI file, whole or not at all."""
        from musicvae.notes.midi import write_midi

        write_midi(source, path)

    def join(self, sources: Sequence[Score]) -> Score:
        """Scores one after another, as one."""
        return concatenate(sources)

    def heard(self, source: Score) -> Score:
        """The score itself."""
        return source


class ReadsWindows(ReadsMidi, ABC):
    """Finds windows in columns (`_extract`); gives them as examples, and as arrays."""

    @property
    @abstractmethod
    def spec(self) -> TokenSpec:
        """The shape of its examples."""

    @abstractmethod
    def _extract(self, source: Score, *, overlap: bool) -> Windows:
        """All windows. Raises `Rejected` where there is nothing to begin with."""

    def survey(self, source: Score, *, overlap: bool = False) -> Survey:
        """All windows, those that were dropped by reason, and what was decided on the way.

        Raises `ValueError` only for a track asked for that is not there.
        """
        try:
            found = self._extract(source, overlap=overlap)
        except Rejected as rejection:
            return Survey(examples=(), dropped={rejection.reason: 1}, remarks=(rejection.detail,))
        controls = [None] * len(found) if found.controls is None else found.controls
        examples = tuple(
            Example(tokens=tokens, lengths=lengths, controls=told, origin=origin, filler=filler)
            for tokens, lengths, told, origin, filler in zip(
                found.tokens,
                found.lengths,
                controls,
                found.origins(),
                found.filler.tolist(),
                strict=True,
            )
        )
        return Survey(examples=examples, dropped=found.dropped, remarks=found.remarks)

    def tokenize(
        self, source: Score
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, Mapping[str, int]]:
        """`survey` with overlap as arrays: tokens (N, T, ...), lengths (N, S), controls, and what
        was dropped.

        For datasets, which do not ask where a window came from: several times faster.
        """
        try:
            found = self._extract(source, overlap=True)
        except Rejected as rejection:
            return *self._nothing(), {rejection.reason: 1}
        return found.tokens, found.lengths, found.controls, found.dropped

    def _nothing(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """The arrays of no window."""
        spec, controls = self.spec, None
        if spec.controls is not None:
            shape = (0, spec.length, *spec.controls.shape)
            controls = np.zeros(shape, dtype=spec.controls.dtype)
        tokens = np.zeros((0, spec.length, *spec.outputs.shape), dtype=spec.outputs.dtype)
        return tokens, np.zeros((0, spec.segments), dtype=np.uint16), controls
