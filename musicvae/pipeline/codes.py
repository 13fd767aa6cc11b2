"""Latent codes with what is needed to make music of them again, in memory and on disk.

The file is an ordinary `.npz`: `mean` and `std` (N, Z) float32, `lengths` (N, S) steps a bar,
`origins` (N,) one JSON object each (where the window lay, its tempo, meter, program), `model` the
checkpoint's name. Nothing in it is pickled.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from musicvae.models.encoders import Posterior
from musicvae.notes.files import replacing
from musicvae.representations.base import Example, Origin, TokenSpec


@dataclass(frozen=True, eq=False, kw_only=True)
class Codes:
    """The posterior of N windows: `mean` and `std` (N, Z), and where each window came from.

    `lengths` (N, S) int64 counts the steps to be made of each segment.
    """

    mean: Tensor
    std: Tensor
    lengths: Tensor
    origins: tuple[Origin, ...]
    model: str = ""

    def __len__(self) -> int:
        return len(self.mean)

    @staticmethod
    def of(posterior: Posterior, examples: Sequence[Example], model: str) -> Codes:
        """Put a posterior together with the examples it is of. No music is made of filler."""
        lengths = np.stack([e.lengths for e in examples]).astype(np.int64)
        for row, example in zip(lengths, examples, strict=True):
            row[len(row) - example.filler :] = 0
        return Codes(
            mean=posterior.mean.cpu(),
            std=posterior.std.cpu(),
            lengths=torch.from_numpy(lengths),
            origins=tuple(e.origin for e in examples),
            model=model,
        )

    @staticmethod
    def plain(z: Tensor, spec: TokenSpec, model: str) -> Codes:
        """Codes `z` (N, Z) of music in full bars at the default tempo, certain of themselves."""
        if z.ndim != 2:
            raise ValueError(f"codes are a table (windows, numbers), not of shape {tuple(z.shape)}")
        z = z.detach().cpu().float()
        return Codes(
            mean=z,
            std=torch.zeros_like(z),
            lengths=torch.full((len(z), spec.segments), spec.segment_length),
            origins=(Origin(),) * len(z),
            model=model,
        )

    def replace(self, z: Tensor) -> Codes:
        """The same windows with other codes, `z` (N, Z), certain of themselves."""
        return dataclasses.replace(self, mean=z, std=torch.zeros_like(z))

    def require(self, spec: TokenSpec, z_size: int, model: str) -> None:
        """Raise `ValueError` unless these are codes from which the model of that name can make
        something."""
        if not len(self):
            raise ValueError("there are no codes to decode: give one row of numbers a window")
        if self.mean.ndim != 2 or self.mean.shape[1] != z_size:
            raise ValueError(
                f"{model} takes codes of {z_size} numbers each, not of shape "
                f"{tuple(self.mean.shape)}"
            )
        if not bool(self.mean.isfinite().all()):
            raise ValueError("there are codes with numbers that are not finite (nan or inf)")
        if self.lengths.shape[1:] != (spec.segments,):
            raise ValueError(
                f"{model} writes {spec.segments} bars at a time; these codes are of "
                f"{self.lengths.shape[-1]} and came from {self.model!r}"
            )
        if self.lengths.min() < 0 or self.lengths.max() > spec.segment_length:
            raise ValueError(f"codes are for bars of 0 to {spec.segment_length} steps, not others")

    def save(self, path: str | Path) -> None:
        """Write an .npz file, whole or not at all."""
        with replacing(path) as temporary, temporary.open("wb") as file:
            np.savez_compressed(
                file,
                mean=self.mean.float().numpy(),
                std=self.std.float().numpy(),
                lengths=self.lengths.numpy(),
                origins=np.array([json.dumps(dataclasses.asdict(o)) for o in self.origins]),
                model=np.array(self.model),
            )

    @staticmethod
    def load(path: str | Path) -> Codes:
        """Read what `save` wrote. Raises `ValueError` that says what is wrong."""
        try:
            with Path(path).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                codes = Codes(
                    mean=torch.from_numpy(file["mean"].astype(np.float32)),
                    std=torch.from_numpy(file["std"].astype(np.float32)),
                    lengths=torch.from_numpy(file["lengths"].astype(np.int64)),
                    origins=tuple(Origin(**json.loads(str(o))) for o in file["origins"]),
                    model=str(file["model"]),
                )
        except (zipfile.BadZipFile, EOFError, KeyError, ValueError, TypeError):
            raise ValueError(
                f"{path} holds no latents; make some with: musicvae encode song.mid -o z.npz"
            ) from None
        counts = {len(c) for c in (codes.mean, codes.std, codes.lengths, codes.origins)}
        if codes.mean.ndim != 2 or codes.mean.shape != codes.std.shape or counts == {0}:
            raise ValueError(f"{path}: mean and std are not tables with a row for each window")
        if len(counts) != 1:
            raise ValueError(f"{path}: mean, std, lengths and origins are not of the same windows")
        return codes
