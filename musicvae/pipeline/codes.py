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
from musicvae.representations.base import Example, Origin


@dataclass(frozen=True, eq=False, kw_only=True)
class Codes:
    """The posterior of N windows: `mean` and `std` (N, Z), and where each window came from."""

    mean: Tensor
    std: Tensor
    lengths: Tensor  # (N, S) int64
    origins: tuple[Origin, ...]
    model: str = ""

    def __len__(self) -> int:
        return len(self.mean)

    @staticmethod
    def of(posterior: Posterior, examples: Sequence[Example], model: str) -> Codes:
        """Put a posterior together with the examples it is of."""
        return Codes(
            mean=posterior.mean.cpu(),
            std=posterior.std.cpu(),
            lengths=torch.from_numpy(np.stack([e.lengths for e in examples]).astype(np.int64)),
            origins=tuple(e.origin for e in examples),
            model=model,
        )

    def replace(self, z: Tensor) -> Codes:
        """The same windows with other codes, `z` (N, Z), certain of themselves."""
        return dataclasses.replace(self, mean=z, std=torch.zeros_like(z))

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
