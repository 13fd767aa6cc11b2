"""Ways from one source to another: which windows of both meet at each step, and how far along.

Nothing here knows a model: a `Route` says what is to be encoded, and makes one row of codes of
the two that come back.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from musicvae.latent.interpolate import slerp, smooth
from musicvae.pipeline.codes import Codes
from musicvae.pipeline.windows import Windows
from musicvae.representations.base import Example, Origin

# A morph's length in windows where none is asked for: at least so that its stages can be told
# apart, at most what one listens to.
SHORTEST, LONGEST = 4, 32
STEPS = 9  # from one window to another, where no number is asked for
MOST = 10_000  # bars or steps: five hours of music


@dataclass(frozen=True, eq=False, kw_only=True)
class Walk:
    """A way from one source to another.

    `steps` are what was decoded, a source for each of `alphas` from 0 to 1; `whole` is all of them
    as one. `start` and `end` are the windows themselves between which the way leads.
    """

    start: Any
    steps: tuple[Any, ...]
    end: Any
    whole: Any
    alphas: tuple[float, ...]


@dataclass(frozen=True, eq=False, kw_only=True)
class Route:
    """At each of N steps a window of A, one of B, and alpha: 0 is A, 1 is B.

    `surplus` segments are left out of the step in the middle. The streams `lock` of all tokens stay
    those of A, which then plays on from its beginning, over and over, in its meter and tempo.
    """

    starts: tuple[Example, ...]
    ends: tuple[Example, ...]
    alphas: Tensor  # (N,) float32
    surplus: int = 0
    lock: tuple[int, ...] = ()

    @staticmethod
    def in_steps(a: Windows, b: Windows, steps: int, lock: tuple[int, ...] = ()) -> Route:
        """From the first window of A to that of B, at constant speed."""
        if steps < 2:
            raise ValueError(f"steps counts both ends, so it is 2 or more, not {steps}")
        if steps > MOST:
            raise ValueError(f"{steps:,} steps are too many: at most {MOST:,}")
        first = a.onward(0) if lock else a.window(0)
        again = a.onward(a.played) if lock else first
        return Route(
            starts=(first, *(again,) * (steps - 1)),
            ends=(b.window(0),) * steps,
            alphas=torch.linspace(0, 1, steps),
            lock=lock,
        )

    @staticmethod
    def in_bars(a: Windows, b: Windows, bars: int | None, lock: tuple[int, ...] = ()) -> Route:
        """From the whole of A to the whole of B: alpha moves slowly at both ends, while a window
        slides over each from its first bar to its last."""
        size = a.size
        if bars is None:
            bars = min(max(a.count, b.count, SHORTEST * size), LONGEST * size)
        if bars < 2 * size:
            raise ValueError(f"a morph with this model takes at least {2 * size} bars, not {bars}")
        if bars > MOST:
            raise ValueError(f"a morph of {bars:,} bars is too long: at most {MOST:,}")
        count = math.ceil(bars / size)
        places, surplus = np.linspace(0, 1, count), count * size - bars
        onward = map(a.onward, first_segments(count, size, surplus)) if lock else a.at(places)
        return Route(
            starts=tuple(onward),
            ends=tuple(b.at(places)),
            alphas=smooth(torch.linspace(0, 1, count)),
            surplus=surplus,
            lock=lock,
        )

    def mix(self, a: Codes, b: Codes) -> Codes:
        """The codes of `starts` and of `ends` -> those on the great circle between them."""
        alphas = self.alphas.tolist()
        lengths = self._room(a, b)
        if self.surplus:
            lengths[len(lengths) // 2, -self.surplus :] = 0
        z = slerp(a.mean, b.mean, self.alphas)
        origins = map(between, a.origins, b.origins, alphas)
        if self.lock:
            origins = map(self._as_locked, origins, a.origins)
        return Codes(
            mean=z,
            std=torch.zeros_like(z),
            lengths=lengths,
            origins=tuple(origins),
            controls=self._nearer(a.controls, b.controls),
            model=a.model,
        )

    def locked(self, examples: Sequence[Example]) -> list[Example]:
        """What was decoded, the streams that are locked as A plays them."""
        if not self.lock:
            return list(examples)
        kept = []
        for example, start in zip(examples, self.starts, strict=True):
            tokens = example.tokens.copy()
            tokens[:, list(self.lock)] = start.tokens[:, list(self.lock)]
            kept.append(dataclasses.replace(example, tokens=tokens))
        return kept

    def _room(self, a: Codes, b: Codes) -> Tensor:
        """Steps to be made of each segment (N, S): those of the nearer window, its filler too."""
        ours, theirs = (
            torch.maximum(
                codes.lengths, torch.from_numpy(np.stack([e.lengths for e in w]).astype(np.int64))
            )
            for codes, w in ((a, self.starts), (b, self.ends))
        )
        first = (self.alphas < 0.5) | bool(self.lock)
        return torch.where(first[:, None], ours, theirs)

    def _as_locked(self, mixed: Origin, a: Origin) -> Origin:
        """How it is to sound where parts of A are locked: its meter, its tempo, its instruments."""
        parts = zip(mixed.parts, a.parts, strict=True)
        return dataclasses.replace(
            mixed,
            qpm=a.qpm,
            numerator=a.numerator,
            denominator=a.denominator,
            parts=tuple(y if k in self.lock else x for k, (x, y) in enumerate(parts)),
        )

    def _nearer(self, a: Tensor | None, b: Tensor | None) -> Tensor | None:
        """The controls of the nearer window at each step."""
        if a is None or b is None or self.lock:
            return a
        at = (self.alphas < 0.5).reshape(-1, *(1,) * (a.ndim - 1))
        return torch.where(at, a, b)


def streams_of(representation: Any, parts: Sequence[str], name: str) -> tuple[int, ...]:
    """The streams of tokens that `parts` of the model `name` are, for `Route.lock`.

    Raises `ValueError` for parts that there are not, and if all are named.
    """
    names: tuple[str, ...] = getattr(representation, "part_names", ())
    if parts and not names:
        raise ValueError(
            f"{name} has no parts of which one could be locked: a model of several has, "
            "such as trio-16bar"
        )
    for part in parts:
        if part not in names:
            raise ValueError(f"{name} has no part {part!r}: it has {', '.join(names)}")
    if parts and set(parts) == set(names):
        raise ValueError("all parts are locked: nothing is left to move")
    return tuple(k for k, stream in enumerate(names) if stream in parts)


def first_segments(count: int, size: int, surplus: int = 0) -> list[int]:
    """How many segments sound before each of `count` windows of `size`, of which the one in the
    middle lacks `surplus`."""
    return [k * size - surplus * (k > count // 2) for k in range(count)]


def between(a: Origin, b: Origin, alpha: float) -> Origin:
    """How the music between two windows is to sound: meter and instrument of the nearer one,
    tempo (by equal ratios) and velocity in between."""
    nearer = a if alpha < 0.5 else b
    parts = zip(nearer.parts, a.parts, b.parts, strict=False)
    return dataclasses.replace(
        nearer,
        qpm=round(a.qpm ** (1 - alpha) * b.qpm**alpha, 3),
        velocity=_mixed(a.velocity, b.velocity, alpha),
        parts=tuple(
            dataclasses.replace(part, velocity=_mixed(x.velocity, y.velocity, alpha))
            for part, x, y in parts
        ),
    )


def _mixed(a: int, b: int, alpha: float) -> int:
    return round((1 - alpha) * a + alpha * b)
