"""The hits of a drum kit on a grid of sixteenths: the representation of the published drum models.

`LenientDrums` reads any music as a musician would; `StrictDrums` is the reference's extraction.
How the drums are told apart and written is the `kit`; which bars there are, the `meters`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.score import Score, Track
from musicvae.representations.base import Example, MultiLabel, Origin, TokenSpec
from musicvae.representations.clock import Clock, meters_of
from musicvae.representations.drums_kit import CombinedNine, SeparateNine, SeparateSixtyOne
from musicvae.representations.drums_lenient import LenientDrums
from musicvae.representations.drums_strict import StrictDrums
from musicvae.representations.melody_events import Windows
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

__all__ = [
    "CombinedNine",
    "Drums",
    "LenientDrums",
    "SeparateNine",
    "SeparateSixtyOne",
    "StrictDrums",
]


@dataclass(frozen=True, kw_only=True)
class Drums(ReadsWindows):
    """Windows of `bars` bars of drums. `CombinedNine()` is cat-drums, the others nade-drums."""

    bars: int = 2
    kit: CombinedNine | SeparateNine | SeparateSixtyOne = field(default_factory=CombinedNine)
    extraction: LenientDrums | StrictDrums = field(default_factory=LenientDrums)
    meters: Regrouped | Native = REGROUPED

    def __post_init__(self) -> None:
        if self.bars < 1:
            raise ValueError(f"drums need at least one bar, not {self.bars}")
        if isinstance(self.extraction, StrictDrums) and self.meters != REGROUPED:
            raise ValueError(
                "the reference reads bars of 4/4 alone: StrictDrums takes no other meters"
            )

    @property
    def spec(self) -> TokenSpec:
        return TokenSpec(
            inputs=MultiLabel(len(self.kit.exemplars), silence=True),
            outputs=self.kit.outputs,
            length=self.bars * self.meters.stride,
            segments=self.bars,
            controls=self.meters.controls,
        )

    def encode(self, source: Score, *, overlap: bool = False) -> tuple[Example, ...]:
        """The windows of `survey`, at least one; raises `Rejected` with the commonest reason."""
        survey = self.survey(source, overlap=overlap)
        if not survey.examples:
            reasons = sorted(survey.dropped, key=survey.dropped.__getitem__, reverse=True)
            detail = survey.remarks[-1] if survey.remarks else f"no {self.bars} bars of drums"
            raise Rejected(reasons[0] if reasons else "no-drums", detail)
        return survey.examples

    def decode(self, examples: Sequence[Example]) -> Score:
        """Windows in order -> one drum track, each sounding as its `origin` says.

        A hit lasts one step and has the first pitch of its class. The name and the program, which
        is the kind of kit, are those of the first window. From a default origin (120 quarters a
        minute, velocity 80) the notes are the reference's.
        """
        parts = [self._roll_of(example) for example in examples]
        bounds = np.cumsum([0, *(len(p) for p in parts)])  # (W + 1,) steps
        none = np.zeros((0, len(self.kit.exemplars)), dtype=np.uint8)
        step, kind = np.concatenate([none, *parts]).nonzero()
        window = np.searchsorted(bounds, step, side="right") - 1
        origins = [example.origin for example in examples]
        clock = Clock.of(origins, bounds)
        velocity = np.array([o.velocity for o in origins], dtype=np.uint8)
        program, name = (origins[0].program, origins[0].name) if origins else (0, "")
        return Score(
            pitch=self.kit.exemplars[kind],
            velocity=velocity[window],
            start=clock.seconds(step),
            end=clock.seconds(step + 1),
            track=np.zeros(len(step), dtype=np.int32),
            tracks=(Track(name=name, program=program, is_drum=True),),
            tempos=clock.tempos,
            meters=meters_of(examples, bounds, clock, self.meters),
        )

    def inputs(self, tokens: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """Tokens (B, T, ...) -> what is struck, (B, T, 9) or (B, T, 61) uint8 of 0 and 1."""
        return self.kit.to_roll(tokens)

    def blank(self, meter: str = "4/4") -> Example:
        """Silence at the default tempo. Raises `ValueError` for a meter that is not known."""
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
            origin=Origin(numerator=stated.numerator, denominator=stated.denominator),
        )

    def augment(
        self, tokens: np.ndarray, controls: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """The same: drums are not transposed."""
        return tokens, controls

    def onsets(self, tokens: np.ndarray) -> np.ndarray:
        """Where anything is struck (B, T)."""
        struck: np.ndarray = tokens > 0
        return struck if struck.ndim == 2 else np.any(struck, axis=2)

    def _extract(self, source: Score, *, overlap: bool) -> Windows:
        if isinstance(self.extraction, StrictDrums):
            return self.extraction.extract(source, self.kit, bars=self.bars, overlap=overlap)
        return self.extraction.extract(
            source, self.kit, meters=self.meters, bars=self.bars, overlap=overlap
        )

    def _roll_of(self, example: Example) -> np.ndarray:
        """What is struck in the valid steps of an example (T', 9 or 61), bars one after another."""
        bars = self.kit.to_roll(example.tokens).reshape(
            len(example.lengths), -1, len(self.kit.exemplars)
        )
        valid = np.arange(bars.shape[1]) < np.asarray(example.lengths)[:, None].astype(np.int64)
        struck: np.ndarray = bars[valid]
        return struck
