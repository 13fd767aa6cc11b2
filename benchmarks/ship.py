"""Make a trained checkpoint ready to be shipped: float16 weights, its figures, its name.

    python benchmarks/ship.py run/checkpoint dataset/ result.json checkpoints/melody-2bar

`dataset/` is what it was trained on, from which new melodies learn where codes lie; `result.json`
is what `musicvae evaluate -o` wrote. The model card beside the weights is kept
(its table follows from the figures: `python benchmarks/render.py`).
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import torch

from musicvae.checkpoint import load, save
from musicvae.training.dataset import load_dataset
from musicvae.training.latents import fit_density


def ship(source: Path, data: Path, result: Path, target: Path) -> None:
    """`source` checkpoint + evaluation -> `target` folder, named after it."""
    measured = json.loads(result.read_text())
    checkpoint = load(source)
    density = fit_density(
        checkpoint.build(), load_dataset(data).read_by(checkpoint.preset.representation)
    )
    card = target / "README.md"
    shipped = dataclasses.replace(
        checkpoint,
        preset=dataclasses.replace(checkpoint.preset, name=target.name),
        latents={"mean": density.mean, "covariance": density.covariance},
        figures={measured["split"]: measured["figures"]},
        card=card.read_text() if card.is_file() else "",
    )
    save(shipped, target, dtype=torch.float16)


if __name__ == "__main__":
    ship(*map(Path, sys.argv[1:5]))
