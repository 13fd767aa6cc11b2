"""How far from the originals are models that were imported from TensorFlow?

    PYTHONPATH=. MUSICVAE_ORACLE=FOLDER python benchmarks/parity.py

Every recorded checkpoint is imported as `musicvae import` does it, and given what the original was
given. For each quantity the worst difference counts: that of means relative to the largest mean,
those of sigmas, loss terms and metrics each relative to itself, of logits absolute; of greedy
decoding the steps that differ although the two best logits are 1e-4 or more apart.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
from common import save_result

from musicvae.interop.magenta_tf import import_tensorflow
from tests.interop.recorded import LIMITS, Recorded


def row(folder: Path) -> dict[str, Any]:
    """What came of the checkpoint in a folder of the reference's recordings."""
    found = import_tensorflow(folder)
    with np.load(folder / "oracle.npz") as data:
        kept = [k for k in data.files if not k.startswith(("var/", "grad/", "train/"))]
        numbers = {k: data[k] for k in kept}
    apart = Recorded(found.build(), numbers).differences()
    steps = int(np.prod(numbers["dec/samples"].shape[:2]))
    rounded = {k: float(f"{v:.1e}") for k, v in apart.items()}
    return {
        "original": "TensorFlow",
        "model": folder.name,
        "preset": found.preset.name,
        **rounded,
        "greedy": int(apart["greedy"]),
        "greedy_steps": steps,
    }


def main() -> None:
    if "MUSICVAE_ORACLE" not in os.environ:
        raise SystemExit("MUSICVAE_ORACLE names no folder of recordings")
    rows = []
    for folder in sorted((Path(os.environ["MUSICVAE_ORACLE"]) / "models").iterdir()):
        rows.append(row(folder))
        print(rows[-1])
    within = sum(all(r[k] <= limit for k, limit in LIMITS.items()) for r in rows)
    result = {
        "question": "models imported from TensorFlow against what the originals computed",
        "answer": f"{within} of {len(rows)} within the limits",
        "limits": LIMITS,
        "models": rows,
    }
    save_result("parity-tensorflow", result, ("numpy", "torch"))


if __name__ == "__main__":
    main()
