"""Latent codes with what is needed to make music of them again, in memory and on disk.

The file is an ordinary `.npz`: `mean` and `std` (N, Z) float32, `lengths` (N, S) steps a bar,
`origins` (N,) one JSON object each (where the window lay, its tempo, meter, program), `controls`
(N, T, ...) where the model has any, `model` the checkpoint's name. Nothing in it is pickled.
"""

from __future__ import annotations

import dataclasses
import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from musicvae.models.encoders import Posterior
from musicvae.notes.files import replacing
from musicvae.representations.base import Example, Origin, Part, TokenSpec

NO_CODES = "there are no codes to decode: give one row of numbers a window"


@dataclass(frozen=True, eq=False, kw_only=True)
class Codes:
    """The posterior of N windows: `mean` and `std` (N, Z), and where each window came from.

    `lengths` (N, S) int64 counts the steps to be made of each segment; `controls` (N, T, ...) are
    what the decoder is told at each step, for a model with controls.
    """

    mean: Tensor
    std: Tensor
    lengths: Tensor
    origins: tuple[Origin, ...]
    controls: Tensor | None = None
    model: str = ""

    def __len__(self) -> int:
        return len(self.mean)

    @staticmethod
    def of(posterior: Posterior, examples: Sequence[Example], spec: TokenSpec, model: str) -> Codes:
        """Put a posterior together with the examples it is of. No music is made of filler.

        Where segments end by a token of their own, each is given all the room there is.
        """
        lengths = np.stack([e.lengths for e in examples]).astype(np.int64)
        if spec.end is not None:
            lengths[:] = spec.segment_length
        for row, example in zip(lengths, examples, strict=True):
            row[len(row) - example.filler :] = 0
        return Codes(
            mean=posterior.mean.cpu(),
            std=posterior.std.cpu(),
            lengths=torch.from_numpy(lengths),
            origins=tuple(e.origin for e in examples),
            controls=stack_controls(examples),
            model=model,
        )

    @staticmethod
    def plain(z: Tensor, blank: Example, spec: TokenSpec, model: str) -> Codes:
        """Codes `z` (N, Z), certain of themselves, of music laid out and told as `blank` is."""
        if z.ndim != 2:
            raise ValueError(f"codes are a table (windows, numbers), not of shape {tuple(z.shape)}")
        if not len(z):
            raise ValueError(NO_CODES)
        z = z.detach().cpu().float()
        return Codes.of(Posterior(z, torch.zeros_like(z)), (blank,) * len(z), spec, model)

    def replace(self, z: Tensor) -> Codes:
        """The same windows with other codes, `z` (N, Z), certain of themselves."""
        return dataclasses.replace(self, mean=z, std=torch.zeros_like(z))

    def require(self, spec: TokenSpec, z_size: int, model: str) -> None:
        """Raise `ValueError` unless these are codes from which the model of that name can make
        something."""
        if not len(self):
            raise ValueError(NO_CODES)
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
        if (self.controls is None) != (spec.controls is None):
            told = (
                "takes controls, and these codes have none" if spec.controls else "has no controls"
            )
            raise ValueError(f"{model} {told}: they came from {self.model!r}")
        if self.lengths.min() < 0 or self.lengths.max() > spec.segment_length:
            raise ValueError(f"codes are for bars of 0 to {spec.segment_length} steps, not others")

    def save(self, path: str | Path) -> None:
        """Write an .npz file, whole or not at all."""
        with replacing(path) as temporary, temporary.open("wb") as file:
            columns = {
                "mean": self.mean.float().numpy(),
                "std": self.std.float().numpy(),
                "lengths": self.lengths.numpy(),
                "origins": np.array([json.dumps(dataclasses.asdict(o)) for o in self.origins]),
                "model": np.array(self.model),
            }
            if self.controls is not None:
                columns["controls"] = self.controls.numpy()
            np.savez_compressed(file, allow_pickle=False, **columns)

    @staticmethod
    def load(path: str | Path) -> Codes:
        """Read what `save` wrote. Raises `ValueError` that says what is wrong."""
        try:
            with Path(path).open("rb") as raw, np.load(raw, allow_pickle=False) as file:
                codes = Codes(
                    mean=torch.from_numpy(file["mean"].astype(np.float32)),
                    std=torch.from_numpy(file["std"].astype(np.float32)),
                    lengths=torch.from_numpy(file["lengths"].astype(np.int64)),
                    origins=tuple(_origin(json.loads(str(o))) for o in file["origins"]),
                    controls=torch.from_numpy(file["controls"].astype(np.int64))
                    if "controls" in file
                    else None,
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


def stack_controls(examples: Sequence[Example]) -> Tensor | None:
    """The controls of examples as one tensor (N, T, ...) int64; None where there are none."""
    controls = [e.controls for e in examples if e.controls is not None]
    return torch.from_numpy(np.stack(controls).astype(np.int64)) if controls else None


def _origin(said: dict[str, Any]) -> Origin:
    return Origin(**{**said, "parts": tuple(Part(**part) for part in said.get("parts", ()))})
