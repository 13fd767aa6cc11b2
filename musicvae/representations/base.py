"""What a model may know of music or text, and what every representation must do.

A representation turns a source (a `Score`, or a `str`) into examples (integer tokens) and back.
A model sees only the `TokenSpec`. Nothing above this folder asks whether the source is music.

Letters: S segments (1 for a flat sequence), L steps in a segment, T = S * L.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol, TypeVar

import numpy as np

from musicvae.notes.errors import Rejected

__all__ = [
    "Categorical",
    "Example",
    "Origin",
    "Rejected",
    "Representation",
    "Space",
    "Survey",
    "TokenSpec",
]


@dataclass(frozen=True)
class Categorical:
    """One of `size` classes at each step."""

    size: int


Space = Categorical  # a union, once there is a second kind of space


@dataclass(frozen=True, kw_only=True)
class TokenSpec:
    """The shape of a tokenized example: all that a model may know of its representation.

    A sequence has `segments` of at most `length // segments` steps. A bar is a segment for the
    hierarchical models; a flat model ignores the division.
    """

    inputs: Space
    outputs: Space
    length: int  # T, in steps
    segments: int = 1  # S
    controls: Space | None = None

    def __post_init__(self) -> None:
        if self.length < 1 or self.segments < 1 or self.length % self.segments:
            raise ValueError(f"{self.length} steps cannot be divided into {self.segments} segments")

    @property
    def segment_length(self) -> int:
        return self.length // self.segments


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where an example came from, so that what is decoded sounds like it again.

    `start_step` counts from the start of the source in steps of a sixteenth.
    """

    start_step: int = 0
    start_seconds: float = 0.0
    qpm: float = 120.0
    numerator: int = 4
    denominator: int = 4
    program: int = 0
    velocity: int = 80  # the reference decodes every note at this velocity
    name: str = ""


@dataclass(frozen=True, eq=False, kw_only=True)
class Example:
    """One tokenized sequence: `tokens` (T,) unsigned integers, zero behind each segment's end.

    `lengths` (S,) counts the valid steps of each segment: all L for 4/4, fewer for other meters.
    Input and output tokens are the same array unless a representation says otherwise. The last
    `filler` segments hold nothing of the source, and only fill the example up.
    """

    tokens: np.ndarray
    lengths: np.ndarray
    inputs: np.ndarray | None = None  # None: the same as `tokens`
    controls: np.ndarray | None = None
    origin: Origin = field(default_factory=Origin)
    filler: int = 0


@dataclass(frozen=True, kw_only=True)
class Survey:
    """All that a representation found in a source: examples, what was dropped and why, remarks.

    `dropped` counts windows under a reason's short name; `remarks` are sentences for a person
    (which track was taken as the melody and why, notes folded into range, ...).
    """

    examples: tuple[Example, ...]
    dropped: Mapping[str, int]
    remarks: tuple[str, ...] = ()


Source = TypeVar("Source")


class Representation(Protocol[Source]):
    """The contract. Implementations are frozen dataclasses and are their own configuration."""

    extensions: ClassVar[tuple[str, ...]]  # files it reads: (".mid", ".midi")

    @property
    def spec(self) -> TokenSpec:
        """The shape of its examples."""
        ...

    def read(self, source: object) -> Source:
        """A path, bytes or a library's object -> its source type. Raises `InvalidMusic`."""
        ...

    def write(self, source: Source, path: str | Path) -> None:
        """Write a source to a file, whole or not at all."""
        ...

    def survey(self, source: Source, *, overlap: bool = False) -> Survey:
        """Everything found in `source`, never raising for want of music.

        Without `overlap` the windows follow one another and cover the source, the last one
        filled up with silence; with it they start at every bar and only full ones are kept.
        """
        ...

    def encode(self, source: Source, *, overlap: bool = False) -> tuple[Example, ...]:
        """The examples of `survey`, at least one; raises `Rejected(reason, detail)`."""
        ...

    def decode(self, examples: Sequence[Example]) -> Source:
        """Examples in order -> one source in which they follow one another.

        Total: any tokens that a model can produce give some source. Each example sounds with the
        tempo, meter, program and velocity of its `origin`; `start_step` is not used.
        """
        ...

    def augment(self, tokens: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """A batch of tokens (B, T) -> another of the same shape, as training varies it."""
        ...

    def onsets(self, tokens: np.ndarray) -> np.ndarray:
        """Where an event begins: a mask of the shape of `tokens` (B, T). Text: every token."""
        ...
