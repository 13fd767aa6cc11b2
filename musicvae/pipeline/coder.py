"""A trained model ready for use: sources to codes, and codes to sources."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor

from musicvae.catalogue import find
from musicvae.checkpoint import Checkpoint, load, save
from musicvae.latent.density import NormalDensity
from musicvae.models.encoders import Posterior
from musicvae.pipeline.codes import Codes, stack_controls
from musicvae.pipeline.device import choose_device
from musicvae.representations.base import Example, TokenSpec

BATCH = 256  # windows at a time: bounds the memory of a song of any length


class Coder:
    """What there is to use of a checkpoint, and the way from sources to codes and back.

    `density` is where new codes are drawn from: the normal that fits the codes of the training data
    where the checkpoint has it, else the prior N(0, 1). Set it to draw from another.
    """

    def __init__(self, checkpoint: Checkpoint, device: str | torch.device = "auto") -> None:
        self.checkpoint = checkpoint
        self.representation = checkpoint.preset.representation
        self.device = choose_device(device)
        self.model = checkpoint.build().to(self.device)
        self.density = NormalDensity.standard(self.z_size)
        if checkpoint.latents:
            self.density = NormalDensity(**checkpoint.latents)

    @classmethod
    def from_pretrained(
        cls, name: str | Path = "melody-2bar", device: str | torch.device = "auto"
    ) -> Self:
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
        if not examples:
            raise ValueError("there are no examples to encode: give one or more")
        parts = [
            self._posterior(examples[start : start + BATCH])
            for start in range(0, len(examples), BATCH)
        ]
        posterior = Posterior(torch.cat([p.mean for p in parts]), torch.cat([p.std for p in parts]))
        return Codes.of(posterior, examples, self.representation.spec, self.name)

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
        spec = self.representation.spec
        if isinstance(codes, Tensor):
            codes = Codes.plain(codes, self.representation.blank(), spec, self.name)
        if not (math.isfinite(temperature) and temperature >= 0):
            raise ValueError(f"temperature is 0 (likeliest) or above, not {temperature}")
        codes.require(spec, self.z_size, self.name)
        generator = torch.Generator(self.device).manual_seed(fresh_seed(seed))
        parts = [
            self.model.decode(
                codes.mean[start : start + BATCH].to(self.device),
                codes.lengths[start : start + BATCH].to(self.device),
                temperature,
                generator,
                None
                if codes.controls is None
                else codes.controls[start : start + BATCH].to(self.device),
            ).cpu()
            for start in range(0, len(codes), BATCH)
        ]
        written = self.model.written(torch.cat(parts), codes.lengths)
        tokens = torch.cat(parts).numpy().astype(spec.outputs.dtype)
        told = [None] * len(codes) if codes.controls is None else _stored(codes.controls, spec)
        return [
            Example(tokens=t, lengths=n, controls=c, origin=o)
            for t, n, c, o in zip(
                tokens, written.numpy().astype(np.uint16), told, codes.origins, strict=True
            )
        ]

    def _examples(self, source: object) -> tuple[Example, ...]:
        if isinstance(source, tuple | list) and source and isinstance(source[0], Example):
            return tuple(source)
        return self.representation.encode(self.representation.read(source))

    def _posterior(self, examples: Sequence[Example]) -> Posterior:
        read = self.representation.inputs(np.stack([e.tokens for e in examples]))
        inputs = as_tensor(read)
        lengths = torch.from_numpy(np.stack([e.lengths for e in examples]).astype(np.int64))
        controls = stack_controls(examples)
        return self.model.posterior(
            inputs.to(self.device),
            lengths.to(self.device),
            None if controls is None else controls.to(self.device),
        )


def as_tensor(tokens: np.ndarray) -> Tensor:
    """Stored tokens as a model takes them: float32 or int64."""
    return torch.from_numpy(tokens.astype(np.float32 if tokens.dtype.kind == "f" else np.int64))


def _stored(controls: Tensor, spec: TokenSpec) -> np.ndarray:
    """Controls as examples hold them."""
    assert spec.controls is not None
    stored: np.ndarray = controls.numpy().astype(spec.controls.dtype)
    return stored


def fresh_seed(seed: int | None) -> int:
    """`seed`, or one that is new at every call."""
    return torch.seed() % 2**63 if seed is None else seed


def next_seed(generator: torch.Generator) -> int:
    """A seed for decoding, so that its draws have nothing to do with those of z."""
    return int(torch.randint(2**62, (), generator=generator))
