"""Bars of up to eight instruments that play together: the representation of the published
multitrack models (Simon et al. 2018).

Each track is a segment of its own, written as performance events (`performance_events`).
`LenientMultitrack` reads any music as a musician would; `StrictMultitrack` is the reference's
extraction.

Letters: B batch, E examples, S = 8 tracks, L = 64 tokens of a track, R = E * S rows, N notes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from musicvae.notes.chords import NO_CHORD, parse_progression
from musicvae.notes.errors import Rejected
from musicvae.notes.score import Score
from musicvae.representations.abilities import Nouns
from musicvae.representations.base import Categorical, Example, Survey, TokenSpec
from musicvae.representations.chord_controls import Triads
from musicvae.representations.multitrack_bars import MOST_TRACKS
from musicvae.representations.multitrack_lenient import LenientMultitrack
from musicvae.representations.multitrack_sound import sound_of
from musicvae.representations.multitrack_strict import StrictMultitrack
from musicvae.representations.performance_events import (
    CLASSES,
    END,
    MOST_TOKENS,
    NOTE_OFF,
    transpose_tracks,
)
from musicvae.representations.reading import ReadsMidi

__all__ = ["LenientMultitrack", "Multitrack", "StrictMultitrack"]


@dataclass(frozen=True, kw_only=True)
class Multitrack(ReadsMidi):
    """Single bars of several tracks; `transpose` is the range of augmentation in semitones.

    With `chords` a model is told them: those of the file, or else those heard in it.
    """

    extraction: LenientMultitrack | StrictMultitrack = field(default_factory=LenientMultitrack)
    chords: Triads | None = None
    transpose: int = 3
    nouns: ClassVar[Nouns] = Nouns(step="event")

    def __post_init__(self) -> None:
        if self.transpose < 0:
            raise ValueError(f"transpose is a range in semitones, 0 or more, not {self.transpose}")

    @property
    def bars(self) -> int:
        """The bars of an example: one, of which the tracks are the segments."""
        return 1

    @property
    def spec(self) -> TokenSpec:
        events = Categorical(CLASSES)
        return TokenSpec(
            inputs=events,
            outputs=events,
            length=MOST_TRACKS * MOST_TOKENS,
            segments=MOST_TRACKS,
            controls=None if self.chords is None else self.chords.space,
            end=END,
        )

    def survey(self, source: Score, *, overlap: bool = False) -> Survey:
        """All bars, those that were dropped by reason, and what was decided on the way."""
        try:
            found = self.extraction.extract(source, overlap=overlap, chords=self.chords)
        except Rejected as rejection:
            return Survey(examples=(), dropped={rejection.reason: 1}, remarks=(rejection.detail,))
        controls = [None] * len(found) if found.controls is None else found.controls
        examples = tuple(
            Example(tokens=tokens, lengths=lengths, controls=told, origin=origin)
            for tokens, lengths, told, origin in zip(
                found.tokens, found.lengths, controls, found.origins(), strict=True
            )
        )
        return Survey(examples=examples, dropped=found.dropped, remarks=found.remarks)

    def tokenize(
        self, source: Score
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, Mapping[str, int]]:
        """`survey` with overlap as arrays: tokens (E, T), lengths (E, S), controls, and drops.

        For datasets, which do not ask where a bar came from: several times faster.
        """
        try:
            found = self.extraction.extract(source, overlap=True, chords=self.chords)
        except Rejected as rejection:
            none = np.zeros((0, self.spec.length), dtype=np.uint16)
            told = None if self.chords is None else none.astype(np.uint8)
            return none, np.zeros((0, MOST_TRACKS), dtype=np.uint16), told, {rejection.reason: 1}
        return found.tokens, found.lengths, found.controls, found.dropped

    def encode(self, source: Score, *, overlap: bool = False) -> tuple[Example, ...]:
        """The bars of `survey`, at least one; raises `Rejected` with the commonest reason."""
        survey = self.survey(source, overlap=overlap)
        if not survey.examples:
            reasons = sorted(survey.dropped, key=survey.dropped.__getitem__, reverse=True)
            detail = survey.remarks[-1] if survey.remarks else "no bar of several tracks"
            raise Rejected(reasons[0] if reasons else "no-bars", detail)
        return survey.examples

    def decode(self, examples: Sequence[Example]) -> Score:
        """Bars in order -> one piece, each in the tempo and meter of its `origin`.

        The tracks of a bar go on with those of the same program in the others: the first violin
        with the first violin. Notes end at bar lines at the latest, and what is struck again
        behind one is not tied. From a default origin (4/4 at 120 quarters a minute) the notes are
        the reference's.
        """
        for example in examples:
            if example.tokens.max() >= CLASSES:
                raise ValueError(
                    f"tracks have tokens 0 to {CLASSES - 1}, not {example.tokens.max()}"
                )
        return sound_of(examples, self.chords)

    def inputs(self, tokens: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """The tokens themselves."""
        return tokens

    def blank(self) -> Example:
        """A bar of 4/4 without tracks."""
        tokens = np.zeros((MOST_TRACKS, MOST_TOKENS), dtype=np.uint16)
        tokens[:, 0] = END
        return Example(
            tokens=tokens.ravel(),
            lengths=np.ones(MOST_TRACKS, dtype=np.uint16),
            controls=None if self.chords is None else self.controls_for(NO_CHORD),
        )

    def controls_for(self, chord: str) -> np.ndarray:
        """A chord such as "Am" for all of a bar: controls (T,).

        Raises `ValueError` for one that cannot be read, or for several, and where the
        representation has none.
        """
        if self.chords is None:
            raise ValueError("these tracks have no chords: they need chords=Triads()")
        symbols = set(parse_progression(chord, bars=1, steps_per_bar=16))
        if len(symbols) > 1:
            raise ValueError(f"a bar of tracks is told one chord, not several as in {chord!r}")
        told = np.full((MOST_TRACKS, MOST_TOKENS), self.chords.row(symbols.pop(), 0, exact=False))
        told[:, 0] = 0  # where the program stands
        return told.ravel()

    def augment(
        self, tokens: np.ndarray, controls: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Each bar of (B, T) transposed by its own number of semitones, uniform in ±`transpose`.

        Drums stay. Notes that would leave the range are moved by octaves, so that none is lost.
        Chords move with the notes.
        """
        shifts = rng.integers(-self.transpose, self.transpose + 1, size=len(tokens))
        rows = tokens.reshape(-1, MOST_TOKENS)
        moved = transpose_tracks(rows, np.repeat(shifts, MOST_TRACKS))
        if self.chords is not None and controls is not None:
            controls = self.chords.transposed(controls, shifts)
        return moved.reshape(tokens.shape), controls

    def onsets(self, tokens: np.ndarray) -> np.ndarray:
        """Where a note starts (B, T)."""
        rows = tokens.reshape(-1, MOST_TOKENS)
        ended = np.logical_or.accumulate(rows == END, axis=1)
        starts: np.ndarray = ((rows < NOTE_OFF) & ~ended).reshape(tokens.shape)
        return starts
