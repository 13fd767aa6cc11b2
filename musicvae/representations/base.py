"""What a model may know of music or text, and what every representation must do.

A representation turns a source (a `Score`, or a `str`) into examples (integer tokens) and back.
A model sees only the `TokenSpec`. Nothing above this folder asks whether the source is music.

Letters: B batch, S segments (1 for a flat sequence), L steps in a segment, T = S * L. A step of a
token array is a single number, or several: (T, ...) stands for (T,) and (T, C).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self, TypeVar, runtime_checkable

import numpy as np

from musicvae.notes.errors import Rejected

__all__ = [
    "Categorical",
    "Example",
    "Learned",
    "MultiLabel",
    "Origin",
    "Part",
    "Rejected",
    "Representation",
    "Several",
    "Space",
    "Strokes",
    "Survey",
    "TokenSpec",
]


@dataclass(frozen=True)
class Categorical:
    """One of `size` classes: a step is a number from 0 to size - 1."""

    size: int

    @property
    def shape(self) -> tuple[int, ...]:
        return ()

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.min_scalar_type(self.size - 1)


@dataclass(frozen=True)
class Several:
    """One class in each of several streams: a step is (C,) numbers, the c-th below `sizes[c]`."""

    sizes: tuple[int, ...]

    @property
    def shape(self) -> tuple[int, ...]:
        return (len(self.sizes),)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.min_scalar_type(max(self.sizes) - 1)


@dataclass(frozen=True)
class MultiLabel:
    """Any of `size` labels together: a step is (size,) of 0 and 1.

    With `silence` a model is shown one column more, which is 1 where all the others are 0.
    """

    size: int
    silence: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return (self.size,)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.uint8)


@dataclass(frozen=True)
class Strokes:
    """How `drums` drums are struck: a step is (3 * drums,) float32.

    First all hits (0 or 1), then all velocities (0 to 1), then all offsets from the grid (-1 to 1
    for half a step late to half a step early). Gillick et al. 2019.
    """

    drums: int

    @property
    def shape(self) -> tuple[int, ...]:
        return (3 * self.drums,)

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(np.float32)


Space = Categorical | Several | MultiLabel | Strokes


@dataclass(frozen=True, kw_only=True)
class TokenSpec:
    """The shape of a tokenized example: all that a model may know of its representation.

    A sequence has `segments` of at most `length // segments` steps. A bar is a segment for the
    hierarchical models; a flat model ignores the division. `inputs` is what the encoder reads,
    `outputs` what the decoder writes; `controls` is told to both at every step.

    With `end`, a class of `outputs`, a model writes each segment until it writes that; the segments
    (the tracks of a piece, say) then do not follow one another in time. Without, it writes as many
    steps as it is asked for, and a segment goes on where the one before it ended.
    """

    inputs: Space
    outputs: Space
    length: int  # T, in steps
    segments: int = 1  # S
    controls: Categorical | MultiLabel | None = None
    end: int | None = None

    def __post_init__(self) -> None:
        if self.length < 1 or self.segments < 1 or self.length % self.segments:
            raise ValueError(f"{self.length} steps cannot be divided into {self.segments} segments")

    @property
    def segment_length(self) -> int:
        return self.length // self.segments


@dataclass(frozen=True, kw_only=True)
class Part:
    """How one of several streams is to sound, where an example has more than one."""

    program: int = 0
    velocity: int = 80
    name: str = ""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where an example came from, so that what is decoded sounds like it again.

    `start_step` counts from the start of the source in steps of a sixteenth. `parts` are the
    streams of an example that has several; `program`, `velocity` and `name` then say nothing.
    """

    start_step: int = 0
    start_seconds: float = 0.0
    qpm: float = 120.0
    numerator: int = 4
    denominator: int = 4
    program: int = 0
    velocity: int = 80  # the reference decodes every note at this velocity
    name: str = ""
    parts: tuple[Part, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True)
class Example:
    """One tokenized sequence: `tokens` (T, ...) of `spec.outputs`, zero behind each segment's end.

    `lengths` (S,) counts the valid steps of each segment: all L for 4/4, fewer for other meters.
    `controls` (T, ...) are of `spec.controls`, where there are any, zero behind each segment's end.
    The last `filler` segments hold nothing of the source, and only fill the example up.
    """

    tokens: np.ndarray
    lengths: np.ndarray
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

    def join(self, sources: Sequence[Source]) -> Source:
        """Sources one after another, as one."""
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

    def inputs(self, tokens: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """What the encoder reads of tokens (B, T, ...): (B, T, ...) of `spec.inputs`.

        The tokens themselves, or what a task leaves of them (hits without their velocities).
        `rng` only where that is a matter of chance; without one it is what is read in use.
        """
        ...

    def blank(self) -> Example:
        """An example that says nothing: lengths, controls, origin for music made from z alone."""
        ...

    def augment(
        self, tokens: np.ndarray, controls: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Tokens (B, T, ...) and controls -> others of the same shapes, as training varies them."""
        ...

    def onsets(self, tokens: np.ndarray) -> np.ndarray:
        """Where an event begins in tokens (B, T, ...): a mask (B, T). Text: every token."""
        ...


@runtime_checkable
class Learned(Protocol):
    """A representation that learns a part of itself, such as a vocabulary, from sources.

    A preset holds it as it is before that, a dataset and a checkpoint as it is afterwards.
    """

    @property
    def is_fitted(self) -> bool:
        """Whether it has learned; until then it neither encodes nor decodes."""
        ...

    @property
    def learned(self) -> str:
        """What it learned, for a person: "a vocabulary of 2,000 tokens"."""
        ...

    def fit(self, sources: Iterable[Any]) -> Self:
        """The same as it learns from sources. Raises `ValueError` if there is nothing in them."""
        ...
