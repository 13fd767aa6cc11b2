"""One melody as events on a grid of sixteenths: the representation of the published melody models.

`Lenient` reads any music as a musician would; `Strict` is the reference's extraction. Both give
the same tokens (`melody_events`), in bars of 16 steps, of which music in 3/4 and 6/8 fills 12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import ClassVar

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.quantize import STEPS_PER_QUARTER
from musicvae.notes.score import DEFAULT_QPM, Meter, Score, Tempo, Track
from musicvae.representations.base import Categorical, Example, Origin, Survey, TokenSpec
from musicvae.representations.melody_bars import TRIPLE_STEPS_PER_BAR, bar_size
from musicvae.representations.melody_events import (
    CLASSES,
    FIRST_NOTE,
    STEPS_PER_BAR,
    to_notes,
    transpose_events,
)
from musicvae.representations.melody_lenient import Lenient
from musicvae.representations.melody_strict import Strict

__all__ = ["Lenient", "Melody", "Strict"]


@dataclass(frozen=True, kw_only=True)
class Melody:
    """Windows of `bars` bars of a melody; `transpose` is the range of augmentation in semitones."""

    bars: int = 2
    extraction: Lenient | Strict = field(default_factory=Lenient)
    transpose: int = 5

    extensions: ClassVar[tuple[str, ...]] = (".mid", ".midi")

    def __post_init__(self) -> None:
        if self.bars < 1:
            raise ValueError(f"a melody needs at least one bar, not {self.bars}")
        if self.transpose < 0:
            raise ValueError(f"transpose is a range in semitones, 0 or more, not {self.transpose}")

    @property
    def spec(self) -> TokenSpec:
        events = Categorical(CLASSES)
        return TokenSpec(
            inputs=events, outputs=events, length=self.bars * STEPS_PER_BAR, segments=self.bars
        )

    def read(self, source: object) -> Score:
        """A path, the bytes of a MIDI file, or a library's score. Raises `InvalidMusic`."""
        from musicvae.notes.interop import to_score

        return to_score(source)

    def write(self, source: Score, path: str | Path) -> None:
        """Write a MIDI file, whole or not at all."""
        from musicvae.notes.midi import write_midi

        write_midi(source, path)

    def survey(self, source: Score, *, overlap: bool = False) -> Survey:
        """All windows, those that were dropped by reason, and what was decided on the way.

        Raises `ValueError` only for a track asked for that is not there.
        """
        try:
            found = self.extraction.extract(source, bars=self.bars, overlap=overlap)
        except Rejected as rejection:
            return Survey(examples=(), dropped={rejection.reason: 1}, remarks=(rejection.detail,))
        examples = tuple(
            Example(tokens=tokens, lengths=lengths, origin=origin, filler=filler)
            for tokens, lengths, origin, filler in zip(
                found.tokens, found.lengths, found.origins(), found.filler.tolist(), strict=True
            )
        )
        return Survey(examples=examples, dropped=found.dropped, remarks=found.remarks)

    def tokenize(self, source: Score) -> tuple[np.ndarray, np.ndarray, Mapping[str, int]]:
        """`survey` with overlap as arrays: tokens (N, T), lengths (N, S), and what was dropped.

        For datasets, which do not ask where a window came from: several times faster.
        """
        try:
            found = self.extraction.extract(source, bars=self.bars, overlap=True)
        except Rejected as rejection:
            spec = self.spec
            none = np.zeros((0, spec.length), dtype=np.uint8)
            return none, np.zeros((0, spec.segments), dtype=np.uint16), {rejection.reason: 1}
        return found.tokens, found.lengths, found.dropped

    def encode(self, source: Score, *, overlap: bool = False) -> tuple[Example, ...]:
        """The windows of `survey`, at least one; raises `Rejected` with the commonest reason."""
        survey = self.survey(source, overlap=overlap)
        if not survey.examples:
            reasons = sorted(survey.dropped, key=survey.dropped.__getitem__, reverse=True)
            detail = survey.remarks[-1] if survey.remarks else f"no {self.bars} bars of melody"
            raise Rejected(reasons[0] if reasons else "no-melody", detail)
        return survey.examples

    def decode(self, examples: Sequence[Example]) -> Score:
        """Windows in order -> one melody, each sounding as its `origin` says.

        With `Lenient` a note that is held at a window's end goes on through the leading zeros of
        the next. With `Strict` it ends there, as the reference decodes each window alone; from a
        default origin (120 quarters a minute, velocity 80) the notes are the reference's.
        """
        parts = [_events_of(example) for example in examples]
        bounds = np.cumsum([0, *(len(p) for p in parts)])  # (W + 1,) steps
        start, end, pitch = to_notes(np.concatenate([*parts, np.zeros(0, dtype=np.uint8)]))
        window = np.searchsorted(bounds, start, side="right") - 1
        if isinstance(self.extraction, Strict):
            end = np.minimum(end, bounds[window + 1])
        origins = [example.origin for example in examples]
        clock = _Clock.of(origins, bounds)
        programs = list(dict.fromkeys(o.program for o in origins)) or [0]
        names = {o.program: o.name for o in reversed(origins)}
        velocities = np.array([o.velocity for o in origins], dtype=np.uint8)
        tracks = np.array([programs.index(o.program) for o in origins], dtype=np.int32)
        return Score(
            pitch=pitch.astype(np.uint8),
            velocity=velocities[window],
            start=clock.seconds(start),
            end=clock.seconds(end),
            track=tracks[window],
            tracks=tuple(Track(name=names.get(p, ""), program=p) for p in programs),
            tempos=clock.tempos,
            meters=_meters(examples, bounds, clock),
        )

    def augment(self, tokens: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Each row of (B, T) transposed by its own number of semitones, uniform in ±`transpose`.

        Notes that would leave the range are moved by octaves, so that none is lost.
        """
        shifts = np.arange(-self.transpose, self.transpose + 1)
        table = transpose_events(
            np.broadcast_to(np.arange(CLASSES, dtype=tokens.dtype), (len(shifts), CLASSES)),
            shifts[:, None],
        )
        chosen = rng.integers(len(shifts), size=(len(tokens), 1))
        moved: np.ndarray = table[chosen, tokens]
        return moved

    def onsets(self, tokens: np.ndarray) -> np.ndarray:
        """Where a note starts (B, T)."""
        starts: np.ndarray = tokens >= FIRST_NOTE
        return starts


@dataclass(frozen=True, eq=False, kw_only=True)
class _Clock:
    """Steps -> seconds for windows one after another; one entry for every run of equal tempo."""

    tempos: tuple[Tempo, ...]
    steps: np.ndarray  # (R,) first step of each run

    @staticmethod
    def of(origins: Sequence[Origin], bounds: np.ndarray) -> _Clock:
        first = [i for i, o in enumerate(origins) if i == 0 or o.qpm != origins[i - 1].qpm]
        qpms = [origins[i].qpm for i in first] or [DEFAULT_QPM]
        steps = bounds[first] if first else np.zeros(1, dtype=np.int64)
        lasting = np.diff(steps) * _seconds_per_step(np.array(qpms[:-1]))
        times = np.concatenate([[0.0], np.cumsum(lasting)]).tolist()
        return _Clock(tempos=tuple(map(Tempo, times, qpms)), steps=steps)

    def seconds(self, step: np.ndarray) -> np.ndarray:
        run = np.searchsorted(self.steps, step, side="right") - 1
        times = np.array([t.time for t in self.tempos])[run]
        qpm = np.array([t.qpm for t in self.tempos])[run]
        seconds: np.ndarray = times + (step - self.steps[run]) * _seconds_per_step(qpm)
        return seconds


def _seconds_per_step(qpm: np.ndarray) -> np.ndarray:
    seconds: np.ndarray = 60 / qpm / STEPS_PER_QUARTER
    return seconds


def _events_of(example: Example) -> np.ndarray:
    """The valid steps of an example, its bars one after another."""
    bars = example.tokens.reshape(len(example.lengths), -1)
    valid = np.arange(bars.shape[1]) < np.asarray(example.lengths)[:, None].astype(np.int64)
    events: np.ndarray = bars[valid]
    if len(events) and events.max() >= CLASSES:
        raise ValueError(f"a melody has tokens 0 to {CLASSES - 1}, not {events.max()}")
    return events


def _meters(examples: Sequence[Example], bounds: np.ndarray, clock: _Clock) -> tuple[Meter, ...]:
    """The meters of the examples where they change."""
    meters = []
    for k, run in groupby(range(len(examples)), key=lambda i: _meter_of(examples[i])):
        at = float(clock.seconds(bounds[[next(run)]])[0])
        meters.append(Meter(at, *k))
    return tuple(meters)


def _meter_of(example: Example) -> tuple[int, int]:
    """Its origin's meter, or the plain one that its bars have if the two do not agree."""
    stated = Meter(0.0, example.origin.numerator, example.origin.denominator)
    size = int(example.lengths[0]) if len(example.lengths) else STEPS_PER_BAR
    if size in (STEPS_PER_BAR, TRIPLE_STEPS_PER_BAR) and bar_size(stated) != size:
        return (4, 4) if size == STEPS_PER_BAR else (3, 4)
    return (stated.numerator, stated.denominator)
