"""One melody as events on a grid of sixteenths: the representation of the published melody models.

`Lenient` reads any music as a musician would; `Strict` is the reference's extraction. Both give
the same tokens (`melody_events`). Which bars there are is a choice of `meters`: bars of 16 steps,
of which music in 3/4 and 6/8 fills 12, or those of six meters as they are written. With `chords` a
model is told the chord at every step: those of the file, or else those heard in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TypeVar

import numpy as np

from musicvae.notes.chords import NO_CHORD, Chord, parse_progression
from musicvae.notes.errors import Rejected
from musicvae.notes.score import Key, Score, Track
from musicvae.representations.base import Categorical, Example, Origin, TokenSpec
from musicvae.representations.chord_controls import (
    FullChords,
    MajorMinor,
    Triads,
    WithKey,
    likeliest_key,
    tell_chords,
)
from musicvae.representations.clock import Clock, meters_of
from musicvae.representations.melody_events import (
    CLASSES,
    FIRST_NOTE,
    Windows,
    to_notes,
    transpose_events,
)
from musicvae.representations.melody_lenient import Lenient
from musicvae.representations.melody_strict import Strict
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

__all__ = ["Lenient", "Melody", "Strict"]

Value = TypeVar("Value")


@dataclass(frozen=True, kw_only=True)
class Melody(ReadsWindows):
    """Windows of `bars` bars of a melody; `transpose` is the range of augmentation in semitones."""

    bars: int = 2
    extraction: Lenient | Strict = field(default_factory=Lenient)
    meters: Regrouped | Native = REGROUPED
    chords: Triads | MajorMinor | FullChords | WithKey | None = None
    transpose: int = 5

    def __post_init__(self) -> None:
        if self.bars < 1:
            raise ValueError(f"a melody needs at least one bar, not {self.bars}")
        if self.transpose < 0:
            raise ValueError(f"transpose is a range in semitones, 0 or more, not {self.transpose}")
        if isinstance(self.extraction, Strict) and self.meters != REGROUPED:
            raise ValueError("the reference reads bars of 4/4 alone: Strict takes no other meters")
        if self.chords is not None and self.meters.controls is not None:
            raise ValueError("a model is told the chords or the meters, not both: use Regrouped()")

    @property
    def spec(self) -> TokenSpec:
        events = Categorical(CLASSES)
        return TokenSpec(
            inputs=events,
            outputs=events,
            length=self.bars * self.meters.stride,
            segments=self.bars,
            controls=self.meters.controls if self.chords is None else self.chords.space,
        )

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
        clock = Clock.of(origins, bounds)
        programs = list(dict.fromkeys(o.program for o in origins)) or [0]
        names = {o.program: o.name for o in reversed(origins)}
        velocities = np.array([o.velocity for o in origins], dtype=np.uint8)
        tracks = np.array([programs.index(o.program) for o in origins], dtype=np.int32)
        chords, keys = self._harmony_of(examples, clock)
        return Score(
            pitch=pitch.astype(np.uint8),
            velocity=velocities[window],
            start=clock.seconds(start),
            end=clock.seconds(end),
            track=tracks[window],
            tracks=tuple(Track(name=names.get(p, ""), program=p) for p in programs),
            tempos=clock.tempos,
            meters=meters_of(examples, bounds, clock, self.meters),
            keys=keys,
            chords=chords,
        )

    def inputs(self, tokens: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """The tokens themselves."""
        return tokens

    def blank(self, meter: str = "4/4") -> Example:
        """Silence at the default tempo. Raises `ValueError` for a meter that is not known."""
        spec, stated = self.spec, parse_meter(meter)
        known = self.meters.read_as(stated)
        if known is None:
            raise ValueError(f"there are no bars of {meter}; known are {list_known(self.meters)}")
        lengths = np.full((1, spec.segments), known.steps, dtype=np.uint16)
        told = tell(self.meters, np.array([KNOWN.index(known)]), lengths)
        controls = None if told is None else told[0]
        if self.chords is not None:
            controls = self.controls_for(NO_CHORD, meter)
        return Example(
            tokens=np.zeros(spec.length, dtype=np.uint8),
            lengths=lengths[0],
            controls=controls,
            origin=Origin(numerator=stated.numerator, denominator=stated.denominator),
        )

    def controls_for(
        self, progression: str, meter: str = "4/4", key: int | None = None
    ) -> np.ndarray:
        """Chords such as "C G Am F", spread over the bars of a window: controls (T, ...).

        `key` (0 to 11, the major one of the scale) is told where it is asked for; by default it is
        the one in which the chords are likeliest. Raises `ValueError` for chords that cannot be
        read, and where the representation has none.
        """
        if self.chords is None:
            raise ValueError("this melody has no chords: it needs chords=Triads() or the like")
        known = self.meters.read_as(parse_meter(meter))
        if known is None:
            raise ValueError(f"there are no bars of {meter}; known are {list_known(self.meters)}")
        symbols = parse_progression(progression, bars=self.bars, steps_per_bar=known.steps)
        key = likeliest_key(symbols) if key is None else key
        told = tell_chords(self.chords, list(enumerate(symbols)), [(0, key)], len(symbols))
        bars = told.rows[told.codes].reshape(self.bars, known.steps, *self.chords.space.shape)
        controls = np.zeros((self.bars, self.meters.stride, *bars.shape[2:]), dtype=np.uint8)
        controls[:, : known.steps] = bars
        return controls.reshape(self.spec.length, *bars.shape[2:])

    def augment(
        self, tokens: np.ndarray, controls: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Each row of (B, T) transposed by its own number of semitones, uniform in ±`transpose`.

        Notes that would leave the range are moved by octaves, so that none is lost. Chords move
        with the notes.
        """
        shifts = np.arange(-self.transpose, self.transpose + 1)
        table = transpose_events(
            np.broadcast_to(np.arange(CLASSES, dtype=tokens.dtype), (len(shifts), CLASSES)),
            shifts[:, None],
        )
        chosen = rng.integers(len(shifts), size=(len(tokens), 1))
        if self.chords is not None and controls is not None:
            controls = self.chords.transposed(controls, shifts[chosen[:, 0]])
        return table[chosen, tokens], controls

    def onsets(self, tokens: np.ndarray) -> np.ndarray:
        """Where a note starts (B, T)."""
        starts: np.ndarray = tokens >= FIRST_NOTE
        return starts

    def _extract(self, source: Score, *, overlap: bool) -> Windows:
        if isinstance(self.extraction, Strict):
            return self.extraction.extract(
                source, bars=self.bars, overlap=overlap, chords=self.chords
            )
        return self.extraction.extract(
            source, meters=self.meters, bars=self.bars, overlap=overlap, chords=self.chords
        )

    def _harmony_of(
        self, examples: Sequence[Example], clock: Clock
    ) -> tuple[tuple[Chord, ...], tuple[Key, ...]]:
        """The chords and keys that examples were told, each where it changes."""
        told = [_valid(e, e.controls) for e in examples if e.controls is not None]
        if self.chords is None or not told or len(told) < len(examples):
            return (), ()
        controls = np.concatenate(told)
        chords = _changes(self.chords.symbols(controls), clock)
        keys = (
            _changes(self.chords.keys(controls), clock) if isinstance(self.chords, WithKey) else []
        )
        return tuple(Chord(*c) for c in chords), tuple(Key(*k) for k in keys)


def _changes(values: Sequence[Value], clock: Clock) -> list[tuple[float, Value]]:
    """Each value that differs from the one at the step before it, and when that is."""
    at = [i for i, value in enumerate(values) if i == 0 or value != values[i - 1]]
    times = clock.seconds(np.array(at, dtype=np.int64)).tolist()
    return [(time, values[i]) for time, i in zip(times, at, strict=True)]


def _valid(example: Example, steps: np.ndarray) -> np.ndarray:
    """The valid ones of the steps (T, ...) of an example, its bars one after another."""
    bars = steps.reshape(len(example.lengths), -1, *steps.shape[1:])
    valid = np.arange(bars.shape[1]) < np.asarray(example.lengths)[:, None].astype(np.int64)
    inside: np.ndarray = bars[valid]
    return inside


def _events_of(example: Example) -> np.ndarray:
    """The valid steps of an example, its bars one after another."""
    events = _valid(example, example.tokens)
    if len(events) and events.max() >= CLASSES:
        raise ValueError(f"a melody has tokens 0 to {CLASSES - 1}, not {events.max()}")
    return events
