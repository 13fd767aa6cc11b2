"""A checkpoint is a folder: `config.json`, `model.safetensors`, and `README.md`, the model card.

`config.json` holds the format version, the preset as the model was trained, and its measured
figures. Weights are never pickled; float16 on disk is read back as float32. Beside the weights may
lie `latents.mean` (Z,) and `latents.covariance` (Z, Z): where the codes of the training data lie.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from musicvae.catalogue import FORMAT, read_config
from musicvae.config import Preset, preset_of, to_json
from musicvae.models.vae import SequenceVAE

_LATENTS = "latents."


@dataclass(frozen=True, eq=False, kw_only=True)
class Checkpoint:
    """A preset with trained weights; `figures` are what was measured of it.

    `latents` holds "mean" and "covariance" of the codes of its training data, or nothing.
    """

    preset: Preset
    weights: Mapping[str, Tensor]
    latents: Mapping[str, Tensor] = field(default_factory=dict)
    figures: Mapping[str, Any] = field(default_factory=dict)
    card: str = ""

    def build(self) -> SequenceVAE:
        """The model, in evaluation mode. Raises `ValueError` where weights and config disagree."""
        model = SequenceVAE(self.preset.representation.spec, self.preset.model)
        _check_weights(model.state_dict(), self.weights)
        model.load_state_dict({k: v.float() for k, v in self.weights.items()})
        return model.eval()


def save(checkpoint: Checkpoint, folder: str | Path, dtype: torch.dtype = torch.float32) -> None:
    """Write a checkpoint folder; each of its files appears whole or not at all."""
    target = Path(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        config = {
            "format": FORMAT,
            "preset": to_json(checkpoint.preset),
            "figures": dict(checkpoint.figures),
        }
        (staging / "config.json").write_text(json.dumps(config, indent=2) + "\n")
        (staging / "README.md").write_text(checkpoint.card)
        tensors = {**checkpoint.weights, **{_LATENTS + k: v for k, v in checkpoint.latents.items()}}
        tensors = {k: v.detach().to("cpu", dtype).contiguous() for k, v in tensors.items()}
        save_file(tensors, staging / "model.safetensors")
        (staging / "model.safetensors").chmod(0o644)  # safetensors writes it for the owner alone
        target.mkdir(exist_ok=True)
        for file in staging.iterdir():
            file.replace(target / file.name)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def load(folder: str | Path) -> Checkpoint:
    """Read a checkpoint folder. Raises `ValueError` that says what is wrong with it."""
    folder = Path(folder)
    config = read_config(folder)
    path = folder / "model.safetensors"
    if not path.is_file():
        raise ValueError(f"the checkpoint {folder} has no model.safetensors; copy it whole")
    try:
        tensors = _migrated(load_file(path), config["format"])
    except SafetensorError as error:
        raise ValueError(f"{path} is damaged or no safetensors file ({error})") from None
    card = folder / "README.md"
    return Checkpoint(
        preset=preset_of(folder, config["preset"]),
        weights={k: v for k, v in tensors.items() if not k.startswith(_LATENTS)},
        latents={
            k.removeprefix(_LATENTS): v.float()
            for k, v in tensors.items()
            if k.startswith(_LATENTS)
        },
        figures=config.get("figures", {}),
        card=card.read_text() if card.is_file() else "",
    )


def _migrated(tensors: dict[str, Tensor], format_: int) -> dict[str, Tensor]:
    """The weights of an older folder under today's names."""
    if format_ == 1:  # a decoder had one writer, and its parts were the decoder's own
        for old, new in (
            ("decoder.view.initial.", "decoder.writers.0.initial."),
            ("decoder.tokens.", "decoder.writers.0.tokens."),
            ("decoder.lstm.", "decoder.writers.0.lstm."),
            ("decoder.head.", "decoder.writers.0.head."),
        ):
            moved = {new + k.removeprefix(old): k for k in tensors if k.startswith(old)}
            tensors |= {now: tensors.pop(before) for now, before in moved.items()}
    return tensors


def _check_weights(expected: Mapping[str, Tensor], found: Mapping[str, Tensor]) -> None:
    """Raise `ValueError` that names the first tensors in which config and weights disagree."""
    missing = sorted(expected.keys() - found.keys())
    surplus = sorted(found.keys() - expected.keys())
    shapes = [
        f"{k} is {tuple(found[k].shape)}, not {tuple(expected[k].shape)}"
        for k in sorted(expected.keys() & found.keys())
        if expected[k].shape != found[k].shape
    ]
    problems = [
        *(f"missing {k}" for k in missing[:3]),
        *(f"surplus {k}" for k in surplus[:3]),
        *shapes[:3],
    ]
    if problems:
        raise ValueError(
            f"the checkpoint's config.json and its weights disagree ({'; '.join(problems)}); "
            "they come from different models"
        )
