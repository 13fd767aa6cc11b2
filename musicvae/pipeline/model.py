"""`MusicVAE`: the one glue of representation and model.

    model = MusicVAE.from_pretrained("melody-2bar")
    morph = model.morph("a.mid", "b.mid", bars=16)
    model.representation.write(morph, "morph.mid")

Sources are whatever the representation reads (a path, bytes, a `Score`, a library's object) or the
examples that were read from one. All randomness follows from `seed`; without one it is fresh at
every call.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from musicvae.checkpoint import Checkpoint, find, load, save
from musicvae.latent.interpolate import slerp
from musicvae.metrics import bar_accuracy
from musicvae.models.encoders import Posterior
from musicvae.pipeline.codes import Codes
from musicvae.pipeline.windows import Windows, between
from musicvae.representations.base import Example, Origin

BATCH = 256  # windows at a time: bounds the memory of a song of any length


@dataclass(frozen=True, eq=False, kw_only=True)
class Reconstructed:
    """A source and its way through the model; `accuracy` (N, S) of each window's segments."""

    source: Any
    result: Any
    accuracy: np.ndarray


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


class MusicVAE:
    """A trained model that reads and writes music (or whatever its representation does)."""

    def __init__(self, checkpoint: Checkpoint, device: str | torch.device = "auto") -> None:
        self.checkpoint = checkpoint
        self.representation = checkpoint.preset.representation
        self.device = choose_device(device)
        self.model = checkpoint.build().to(self.device)

    @classmethod
    def from_pretrained(
        cls, name: str | Path = "melody-2bar", device: str | torch.device = "auto"
    ) -> MusicVAE:
        """A shipped checkpoint by name, a folder, or a hub id. Raises `ValueError`."""
        return cls(load(find(name)), device)

    def save_pretrained(self, folder: str | Path) -> None:
        """Write the checkpoint folder that `from_pretrained` reads."""
        save(self.checkpoint, folder)

    @property
    def name(self) -> str:
        return self.checkpoint.preset.name

    @property
    def z_size(self) -> int:
        """Dimensions of z."""
        return self.checkpoint.preset.model.z

    def encode(self, source: object) -> Codes:
        """The posterior of every window of a source; raises `Rejected` where there is none."""
        return self.encode_examples(self._examples(source))

    @torch.no_grad()
    def encode_examples(self, examples: Sequence[Example]) -> Codes:
        """The posterior of each example."""
        parts = []
        for start in range(0, len(examples), BATCH):
            batch = examples[start : start + BATCH]
            tokens, lengths = self._tensors(batch)
            parts.append(self.model.posterior(tokens, lengths))
        posterior = Posterior(torch.cat([p.mean for p in parts]), torch.cat([p.std for p in parts]))
        return Codes.of(posterior, examples, self.name)

    def decode(
        self, codes: Codes | Tensor, *, temperature: float = 0.0, seed: int | None = None
    ) -> Any:
        """Codes -> one source in which their windows follow one another.

        A bare tensor (N, Z) becomes music in full bars at the default tempo.
        """
        return self.representation.decode(self.decode_examples(codes, temperature, seed))

    def decode_examples(
        self, codes: Codes | Tensor, temperature: float = 0.0, seed: int | None = None
    ) -> list[Example]:
        """Codes -> an example for each, decoded at their means."""
        codes = codes if isinstance(codes, Codes) else self._plain(codes)
        self._check(codes, temperature)
        generator = self._generator(seed)
        tokens = [
            self.model.decode(
                codes.mean[start : start + BATCH].to(self.device),
                codes.lengths[start : start + BATCH].to(self.device),
                temperature,
                generator,
            ).cpu()
            for start in range(0, len(codes), BATCH)
        ]
        return [
            Example(tokens=t.astype(np.uint8), lengths=n, origin=o)
            for t, n, o in zip(
                torch.cat(tokens).numpy(),
                codes.lengths.numpy().astype(np.uint16),
                codes.origins,
                strict=True,
            )
        ]

    def sample(self, n: int = 1, *, temperature: float = 0.5, seed: int | None = None) -> list[Any]:
        """`n` new sources, from z drawn from the prior."""
        if n < 1:
            raise ValueError(f"n is how many to make, 1 or more, not {n}")
        generator = torch.Generator().manual_seed(_fresh(seed))
        z = torch.randn(n, self.z_size, generator=generator)
        examples = self.decode_examples(z, temperature, _next_seed(generator))
        return [self.representation.decode([example]) for example in examples]

    def reconstruct(
        self, source: object, *, temperature: float = 0.0, seed: int | None = None
    ) -> Reconstructed:
        """A source through the latent space and back, with the accuracy of every segment."""
        examples = self._examples(source)
        result = self.decode_examples(self.encode_examples(examples), temperature, seed)
        return Reconstructed(
            source=self.representation.decode(examples),
            result=self.representation.decode(result),
            accuracy=bar_accuracy(
                np.stack([e.tokens for e in result]),
                np.stack([e.tokens for e in examples]),
                np.stack([e.lengths for e in examples]),
            ),
        )

    def vary(
        self,
        source: object,
        *,
        amount: float = 0.3,
        n: int = 1,
        temperature: float = 0.0,
        seed: int | None = None,
    ) -> list[Any]:
        """`n` neighbours of a source: each window's z turned by `amount` towards a random one.

        0 is the reconstruction, 1 a fresh sample.
        """
        if not 0 <= amount <= 1:
            raise ValueError(f"amount goes from 0 (unchanged) to 1 (all new), not {amount}")
        if n < 1:
            raise ValueError(f"n is how many to make, 1 or more, not {n}")
        codes = self.encode(source)
        generator = torch.Generator().manual_seed(_fresh(seed))
        results = []
        for _ in range(n):
            away = torch.randn(codes.mean.shape, generator=generator)
            turned = codes.replace(slerp(codes.mean, away, torch.tensor(amount)))
            drawn = self.decode(turned, temperature=temperature, seed=_next_seed(generator))
            results.append(drawn)
        return results

    def interpolate(
        self,
        a: object,
        b: object,
        steps: int = 9,
        *,
        temperature: float = 0.0,
        seed: int | None = None,
    ) -> list[Any]:
        """`steps` sources from the first window of `a` to that of `b` along the great circle
        between their means (Roberts et al. 2018, figure 3)."""
        return list(self.walk(a, b, steps=steps, temperature=temperature, seed=seed).steps)

    def morph(
        self,
        a: object,
        b: object,
        *,
        bars: int | None = None,
        temperature: float = 0.0,
        seed: int | None = None,
    ) -> Any:
        """The whole of `a` turning into the whole of `b` over `bars` bars, as one source.

        While alpha goes from 0 to 1, slowly at both ends, a window slides over both from the
        beginning to the end. By default it is as long as the longer of the two, within reason.
        """
        return self.walk(a, b, bars=bars, temperature=temperature, seed=seed).whole

    def walk(
        self,
        a: object,
        b: object,
        *,
        steps: int | None = None,
        bars: int | None = None,
        temperature: float = 0.0,
        seed: int | None = None,
    ) -> Walk:
        """The way of `interpolate` where `steps` are given, else that of `morph`, with its stages.

        Raises `ValueError` if both are given.
        """
        if steps is not None and bars is not None:
            raise ValueError("give steps or bars, not both: steps lead from one window to another")
        if steps is not None and steps < 2:
            raise ValueError(f"steps counts both ends, so it is 2 or more, not {steps}")
        first, second = Windows(self._examples(a)), Windows(self._examples(b))
        if steps is None:
            alphas = _ease(torch.linspace(0, 1, self._morph_windows(first, second, bars)))
            places = np.linspace(0, 1, len(alphas))
        else:
            alphas, places = torch.linspace(0, 1, steps), np.zeros(steps)
        starts, ends = first.at(places), second.at(places)
        examples = self.decode_examples(self._between(starts, ends, alphas), temperature, seed)
        decode = self.representation.decode
        return Walk(
            start=decode(starts[:1]),
            steps=tuple(decode([e]) for e in examples),
            end=decode(ends[-1:]),
            whole=decode(examples),
            alphas=tuple(alphas.tolist()),
        )

    def _morph_windows(self, a: Windows, b: Windows, bars: int | None) -> int:
        window = self.representation.spec.segments
        if bars is None:
            bars = min(max(a.count, b.count, 4 * window), 32 * window)
        if bars < 2 * window:
            raise ValueError(
                f"a morph with this model takes at least {2 * window} bars, not {bars}"
            )
        return math.ceil(bars / window)

    def _between(self, starts: list[Example], ends: list[Example], alpha: Tensor) -> Codes:
        codes_a, codes_b = self.encode_examples(starts), self.encode_examples(ends)
        mixed = [between(x, y, t) for x, y, t in zip(starts, ends, alpha.tolist(), strict=True)]
        z = slerp(codes_a.mean, codes_b.mean, alpha)
        lengths = np.stack([m.lengths for m in mixed]).astype(np.int64)
        return Codes(
            mean=z,
            std=torch.zeros_like(z),
            lengths=torch.from_numpy(lengths),
            origins=tuple(m.origin for m in mixed),
            model=self.name,
        )

    def _examples(self, source: object) -> tuple[Example, ...]:
        if isinstance(source, tuple) and source and isinstance(source[0], Example):
            return source
        return self.representation.encode(self.representation.read(source))

    def _tensors(self, examples: Sequence[Example]) -> tuple[Tensor, Tensor]:
        tokens = np.stack([e.tokens for e in examples]).astype(np.int64)
        lengths = np.stack([e.lengths for e in examples]).astype(np.int64)
        return torch.from_numpy(tokens).to(self.device), torch.from_numpy(lengths).to(self.device)

    def _plain(self, z: Tensor) -> Codes:
        spec = self.representation.spec
        return Codes(
            mean=z.cpu().float(),
            std=torch.zeros_like(z.cpu().float()),
            lengths=torch.full((len(z), spec.segments), spec.segment_length),
            origins=(Origin(),) * len(z),
            model=self.name,
        )

    def _check(self, codes: Codes, temperature: float) -> None:
        if not (math.isfinite(temperature) and temperature >= 0):
            raise ValueError(f"temperature is 0 (likeliest) or above, not {temperature}")
        if not len(codes):
            raise ValueError("there are no codes to decode: give one row of numbers a window")
        if codes.mean.ndim != 2 or codes.mean.shape[1] != self.z_size:
            raise ValueError(
                f"{self.name} takes codes of {self.z_size} numbers each, not of shape "
                f"{tuple(codes.mean.shape)}"
            )
        if codes.lengths.shape[1] != self.representation.spec.segments:
            raise ValueError(
                f"{self.name} writes {self.representation.spec.segments} bars at a time; these "
                f"codes are of {codes.lengths.shape[1]} and came from {codes.model!r}"
            )

    def _generator(self, seed: int | None) -> torch.Generator:
        return torch.Generator(self.device).manual_seed(_fresh(seed))


def choose_device(device: str | torch.device) -> torch.device:
    """ "auto" is a GPU where there is one. Raises `ValueError` for one that is not there."""
    if str(device) == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    try:
        chosen = torch.device(device)
        torch.empty(0, device=chosen)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"there is no device {str(device)!r} here: {reason}") from None
    return chosen


def _fresh(seed: int | None) -> int:
    return torch.seed() % 2**63 if seed is None else seed


def _next_seed(generator: torch.Generator) -> int:
    """A seed for decoding, so that its draws have nothing to do with those of z."""
    return int(torch.randint(2**62, (), generator=generator))


def _ease(alpha: Tensor) -> Tensor:
    """A smooth start and end: 3a^2 - 2a^3."""
    return alpha.square() * (3 - 2 * alpha)


__all__ = ["Codes", "MusicVAE", "Reconstructed", "Walk", "choose_device"]
