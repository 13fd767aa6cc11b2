"""A checkpoint as one `.safetensors` file, for programs that read nothing else.

The tensors have their names of `SequenceVAE`; the metadata "preset" is the preset as JSON.
"""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file

from musicvae.checkpoint import Checkpoint
from musicvae.config import to_json


def export_safetensors(
    checkpoint: Checkpoint, path: str | Path, dtype: torch.dtype = torch.float32
) -> None:
    """Write the file, whole or not at all. Raises `ValueError` if there is one already."""
    target = Path(path)
    if target.exists():
        raise ValueError(f"{target} is there already: give a new name")
    checkpoint.build()  # weights and config agree
    tensors = {k: v.detach().to("cpu", dtype).contiguous() for k, v in checkpoint.weights.items()}
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = target.with_name(f".{target.name}.part")
    try:
        save_file(tensors, staging, {"preset": json.dumps(to_json(checkpoint.preset))})
        staging.chmod(0o644)  # safetensors writes it for the owner alone
        staging.replace(target)
    finally:
        staging.unlink(missing_ok=True)
