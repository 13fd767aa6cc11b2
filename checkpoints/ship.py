"""Make a trained checkpoint ready to be shipped: float16 weights, its figures, its name.

    python checkpoints/ship.py run/checkpoint result.json checkpoints/melody-2bar

`result.json` is what `musicvae evaluate -o` wrote of it. The model card beside the weights is kept
(its table follows from the figures: `python benchmarks/render.py`).
"""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import torch

from musicvae.checkpoint import load, save


def ship(source: Path, result: Path, target: Path) -> None:
    """`source` checkpoint + evaluation -> `target` folder, named after it."""
    measured = json.loads(result.read_text())
    checkpoint = load(source)
    card = target / "README.md"
    shipped = dataclasses.replace(
        checkpoint,
        preset=dataclasses.replace(checkpoint.preset, name=target.name),
        figures={measured["split"]: measured["figures"]},
        card=card.read_text() if card.is_file() else "",
    )
    save(shipped, target, dtype=torch.float16)


if __name__ == "__main__":
    ship(*map(Path, sys.argv[1:4]))
