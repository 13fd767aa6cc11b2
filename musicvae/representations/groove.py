"""A drummer's groove: hits, velocities and microtiming of nine drums on a grid of sixteenths.

The representation of the published GrooVAE models (Gillick et al. 2019). `LenientGroove` reads any
drum track in 4/4; `StrictGroove` is the reference's extraction. `tasks` say what the encoder is
told: all of a groove, or something that must be made into one again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.score import Score, Track
from musicvae.representations.base import (
    Example,
    MultiLabel,
    Origin,
    Strokes,
    Survey,
    TokenSpec,
)
from musicvae.representations.clock import Clock, meters_of
from musicvae.representations.groove_lenient import LenientGroove
from musicvae.representations.groove_strict import StrictGroove
from musicvae.representations.groove_strokes import DRUMS, GeneralMidiKit, GrooveWindows, to_notes
from musicvae.representations.groove_tasks import HitsAsControls, Task, hits
from musicvae.representations.melody_events import STEPS_PER_BAR
from musicvae.representations.meters import FOUR_FOUR, REGROUPED, Regrouped, forced
from musicvae.representations.reading import ReadsMidi

__all__ = ["Groove", "LenientGroove", "StrictGroove"]

# A stroke is written at the nearest tick: half a millisecond beside its time at 63 quarters a
# minute, a millisecond at 32.
TICKS_PER_QUARTER = 960


@dataclass(frozen=True, kw_only=True)
class Groove(ReadsMidi):
    """Windows of `bars` bars of drums as they are played; `tasks` are applied in order.

    A groove is made of bars of 4/4, and other meters are left out: `Regrouped(force="4/4")` reads
    all bars so.
    """

    bars: int = 2
    extraction: LenientGroove | StrictGroove = field(default_factory=LenientGroove)
    tasks: tuple[Task, ...] = ()
    meters: Regrouped = REGROUPED

    def __post_init__(self) -> None:
        if self.bars < 1:
            raise ValueError(f"a groove needs at least one bar, not {self.bars}")
        meter = forced(self.meters)
        if meter is not None and self.meters.read_as(meter) != FOUR_FOUR:
            raise ValueError(f"a groove is read in 4/4: it cannot be forced into {meter}")
        if isinstance(self.extraction, StrictGroove) and self.meters != REGROUPED:
            raise ValueError("the reference forces no meter on music, and StrictGroove neither")

    @property
    def spec(self) -> TokenSpec:
        strokes = Strokes(DRUMS)
        return TokenSpec(
            inputs=strokes,
            outputs=strokes,
            length=self.bars * STEPS_PER_BAR,
            segments=self.bars,
            controls=MultiLabel(DRUMS) if self._tells_hits else None,
        )

    @property
    def _tells_hits(self) -> bool:
        return HitsAsControls() in self.tasks

    def survey(self, source: Score, *, overlap: bool = False) -> Survey:
        """All windows, those that were dropped by reason, and what was decided on the way.

        Raises `ValueError` only for a track asked for that is not there.
        """
        try:
            found = self._extract(source, overlap)
        except Rejected as rejection:
            return Survey(examples=(), dropped={rejection.reason: 1}, remarks=(rejection.detail,))
        lengths, controls = self._lengths(len(found.tokens)), self._controls(found.tokens)
        examples = tuple(
            Example(
                tokens=tokens,
                lengths=lengths[k],
                controls=None if controls is None else controls[k],
                origin=origin,
                filler=filler,
            )
            for k, (tokens, origin, filler) in enumerate(
                zip(found.tokens, found.origins(), found.filler.tolist(), strict=True)
            )
        )
        return Survey(examples=examples, dropped=found.dropped, remarks=found.remarks)

    def tokenize(
        self, source: Score
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray | None, Mapping[str, int]]:
        """`survey` with overlap as arrays: tokens, lengths, controls, and what was dropped.

        For datasets, which do not ask where a window came from.
        """
        tokens = np.zeros((0, self.spec.length, 3 * DRUMS), dtype=np.float32)
        try:
            found = self._extract(source, True)
            tokens, dropped = found.tokens, found.dropped
        except Rejected as rejection:
            dropped = {rejection.reason: 1}
        return tokens, self._lengths(len(tokens)), self._controls(tokens), dropped

    def encode(self, source: Score, *, overlap: bool = False) -> tuple[Example, ...]:
        """The windows of `survey`, at least one; raises `Rejected` with the commonest reason."""
        survey = self.survey(source, overlap=overlap)
        if not survey.examples:
            reasons = sorted(survey.dropped, key=survey.dropped.__getitem__, reverse=True)
            detail = survey.remarks[-1] if survey.remarks else f"no {self.bars} bars of drums"
            raise Rejected(reasons[0] if reasons else "no-drums", detail)
        return survey.examples

    def decode(self, examples: Sequence[Example]) -> Score:
        """Windows in order -> one drum track; each at the tempo and in the meter of its `origin`.

        A stroke lasts a step. One that would begin before the music does begins with it (the
        reference gives it a time below 0). Velocities are 1 to 127: what is struck is heard.
        """
        parts = [_valid_steps(example) for example in examples]
        bounds = np.cumsum([0, *(len(p) for p in parts)])  # (W + 1,) steps
        none = np.zeros((0, 3 * DRUMS), dtype=np.float32)
        at, drum, velocity = to_notes(np.concatenate([none, *parts]))
        clock = Clock.of([example.origin for example in examples], bounds)
        kit = self.extraction.kit or GeneralMidiKit()
        first = examples[0].origin if examples else Origin()
        return Score(
            pitch=kit.exemplars[drum],
            velocity=velocity,
            start=clock.seconds(np.maximum(at, 0)),
            end=clock.seconds(at + 1),
            track=np.zeros(len(at), dtype=np.int32),
            tracks=(Track(name=first.name, program=first.program, is_drum=True),),
            tempos=clock.tempos,
            meters=meters_of(examples, bounds, clock),
            ticks_per_quarter=TICKS_PER_QUARTER,
        )

    def inputs(self, tokens: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """What the tasks leave of strokes (B, T, 27)."""
        left = tokens
        for task in self.tasks:
            left = task.apply(left, tokens, rng)
        return left

    def blank(self) -> Example:
        """Silence in 4/4 at the default tempo; where the hits are told, none is."""
        tokens = np.zeros((self.spec.length, 3 * DRUMS), dtype=np.float32)
        return Example(tokens=tokens, lengths=self._lengths(1)[0], controls=self._controls(tokens))

    def augment(
        self, tokens: np.ndarray, controls: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The tokens themselves: a drum cannot be transposed, and its player means what he does."""
        return tokens, controls

    def onsets(self, tokens: np.ndarray) -> np.ndarray:
        """Where any drum is struck (B, T)."""
        return np.asarray(hits(tokens).any(axis=-1))

    def _extract(self, source: Score, overlap: bool) -> GrooveWindows:
        if isinstance(self.extraction, StrictGroove):
            return self.extraction.extract(source, bars=self.bars, overlap=overlap)
        return self.extraction.extract(source, meters=self.meters, bars=self.bars, overlap=overlap)

    def _lengths(self, windows: int) -> np.ndarray:
        return np.full((windows, self.bars), STEPS_PER_BAR, dtype=np.uint16)

    def _controls(self, tokens: np.ndarray) -> np.ndarray | None:
        """What is told of strokes (..., 27) beside them: the hits (..., 9), or nothing."""
        return hits(tokens).astype(np.uint8) if self._tells_hits else None


def _valid_steps(example: Example) -> np.ndarray:
    """The valid steps (T, 27) of an example, its bars one after another."""
    bars = example.tokens.reshape(len(example.lengths), -1, 3 * DRUMS)
    valid = np.arange(bars.shape[1]) < np.asarray(example.lengths)[:, None].astype(np.int64)
    steps: np.ndarray = bars[valid]
    return steps
