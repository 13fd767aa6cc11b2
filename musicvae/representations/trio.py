"""Melody, bass and drums side by side: the representation of the published trio models.

`LenientTrio` reads any music as a musician would; `StrictTrio` is the reference's extraction. A
step is a class of each: of a melody and of a bass (`melody_events`), and a combination of nine
drums (`drums_hits`). Which bars there are is a choice of `meters`: bars of 16 steps, of which music
in 3/4 and 6/8 fills 12, or those of six meters as they are written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.score import Score, Track
from musicvae.representations.base import Example, Origin, Several, TokenSpec
from musicvae.representations.clock import Clock, meters_of
from musicvae.representations.melody_events import HOLD, NOTE_OFF, Windows, transpose_events
from musicvae.representations.meters import (
    KNOWN,
    REGROUPED,
    Native,
    Regrouped,
    list_known,
    parse_meter,
    tell,
)
from musicvae.representations.reading import ReadsWindows
from musicvae.representations.trio_lenient import LenientTrio
from musicvae.representations.trio_streams import (
    DEFAULT_PARTS,
    FIRSTS,
    LINES,
    PART_NAMES,
    SIZES,
    events_of,
    parts_of,
    read_stream,
    seat,
)
from musicvae.representations.trio_strict import StrictTrio

__all__ = ["LenientTrio", "StrictTrio", "Trio"]


@dataclass(frozen=True, kw_only=True)
class Trio(ReadsWindows):
    """Windows of `bars` bars of a trio; `transpose` is the range of augmentation in semitones."""

    bars: int = 16
    extraction: LenientTrio | StrictTrio = field(default_factory=LenientTrio)
    transpose: int = 0
    meters: Regrouped | Native = REGROUPED

    part_names: ClassVar[tuple[str, ...]] = PART_NAMES

    def __post_init__(self) -> None:
        if self.bars < 1:
            raise ValueError(f"a trio needs at least one bar, not {self.bars}")
        if self.transpose < 0:
            raise ValueError(f"transpose is a range in semitones, 0 or more, not {self.transpose}")
        if isinstance(self.extraction, StrictTrio) and self.meters != REGROUPED:
            raise ValueError(
                "the reference reads bars of 4/4 alone: StrictTrio takes no other meters"
            )

    @property
    def spec(self) -> TokenSpec:
        streams = Several(SIZES)
        return TokenSpec(
            inputs=streams,
            outputs=streams,
            length=self.bars * self.meters.stride,
            segments=self.bars,
            controls=self.meters.controls,
        )

    def encode(self, source: Score, *, overlap: bool = False) -> tuple[Example, ...]:
        """The windows of `survey`, at least one; raises `Rejected` with the commonest reason."""
        survey = self.survey(source, overlap=overlap)
        if not survey.examples:
            reasons = sorted(survey.dropped, key=survey.dropped.__getitem__, reverse=True)
            reason = reasons[0] if reasons else "no-trio"
            raise Rejected(reason, _why_none(reason, survey.remarks, self.bars))
        return survey.examples

    def decode(self, examples: Sequence[Example]) -> Score:
        """Windows in order -> one trio, each part sounding as its `origin.parts` says.

        With `LenientTrio` a note that is held at a window's end goes on through the leading zeros
        of the next. With `StrictTrio` it ends there, as the reference decodes each window alone;
        from a default origin (120 quarters a minute, velocity 80) the notes are the reference's.
        A part without notes has no track.
        """
        streams = [events_of(example) for example in examples]
        bounds = np.cumsum([0, *(len(s) for s in streams)])  # (W + 1,) steps
        events = np.concatenate([np.zeros((0, len(SIZES)), dtype=np.uint16), *streams])
        clock = Clock.of([example.origin for example in examples], bounds)
        parts = [parts_of(example) for example in examples]
        tracks: list[Track] = []
        columns = [np.zeros((5, 0), dtype=np.int64)]
        for k in range(len(SIZES)):
            start, end, pitch = read_stream(k, events[:, k])
            window = np.searchsorted(bounds, start, side="right") - 1
            if isinstance(self.extraction, StrictTrio):
                end = np.minimum(end, bounds[window + 1])
            velocity, track = seat(k, [three[k] for three in parts], window, tracks)
            columns.append(np.stack([start, end, pitch, velocity, track]))
        start, end, pitch, velocity, track = np.concatenate(columns, axis=1)
        return Score(
            pitch=pitch.astype(np.uint8),
            velocity=velocity.astype(np.uint8),
            start=clock.seconds(start),
            end=clock.seconds(end),
            track=track.astype(np.int32),
            tracks=tuple(tracks),
            tempos=clock.tempos,
            meters=meters_of(examples, bounds, clock, self.meters),
        )

    def anew(self, tokens: np.ndarray) -> np.ndarray:
        """Tokens (T, 3) in which no note goes on that sounds before them: where a line begins with
        a rest, that is written as the end of a note."""
        begun = tokens.copy()
        for line in LINES:
            if begun[0, line] == HOLD:
                begun[0, line] = NOTE_OFF
        return begun

    def inputs(self, tokens: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """The tokens themselves."""
        return tokens

    def blank(self, meter: str = "4/4") -> Example:
        """Silence at the default tempo, for a piano, a bass and a drum kit.

        Raises `ValueError` for a meter that is not known.
        """
        spec, stated = self.spec, parse_meter(meter)
        known = self.meters.read_as(stated)
        if known is None:
            raise ValueError(f"there are no bars of {meter}; known are {list_known(self.meters)}")
        lengths = np.full((1, spec.segments), known.steps, dtype=np.uint16)
        told = tell(self.meters, np.array([KNOWN.index(known)]), lengths)
        return Example(
            tokens=np.zeros((spec.length, *spec.outputs.shape), dtype=spec.outputs.dtype),
            lengths=lengths[0],
            controls=None if told is None else told[0],
            origin=Origin(
                numerator=stated.numerator, denominator=stated.denominator, parts=DEFAULT_PARTS
            ),
        )

    def augment(
        self, tokens: np.ndarray, controls: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Melody and bass of each row of (B, T, 3) transposed by one number of semitones, uniform
        in ±`transpose`; the drums stay as they are.

        Notes that would leave the range are moved by octaves, so that none is lost.
        """
        shifts = rng.integers(-self.transpose, self.transpose, size=len(tokens), endpoint=True)
        moved = tokens.copy()
        lines = list(LINES)
        moved[..., lines] = transpose_events(tokens[..., lines], shifts[:, None, None])
        return moved, controls

    def onsets(self, tokens: np.ndarray) -> np.ndarray:
        """Where a note of any part starts (B, T)."""
        starts: np.ndarray = np.any(tokens >= FIRSTS, axis=-1)
        return starts

    def _extract(self, source: Score, *, overlap: bool) -> Windows:
        if isinstance(self.extraction, StrictTrio):
            return self.extraction.extract(source, bars=self.bars, overlap=overlap)
        return self.extraction.extract(source, meters=self.meters, bars=self.bars, overlap=overlap)


def _why_none(reason: str, remarks: Sequence[str], bars: int) -> str:
    if reason == "too-short":
        return f"the music is shorter than {bars} bars in one meter"
    if remarks:
        return remarks[-1]
    return f"melody, bass and drums do not play together for {bars} bars in one tempo and 4/4"
