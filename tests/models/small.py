"""Every preset at a size that a test can run many times, and batches for it.

Weights are drawn wider than training starts with, so that whatever an output depends on shows.
"""

from __future__ import annotations

import json

import torch
from torch import Tensor

from musicvae.config import Preset, override
from musicvae.models.layout import Layout
from musicvae.models.vae import SequenceVAE
from musicvae.presets import PRESETS

SIZES: dict[str, dict[str, str]] = {
    "cat-mel_2bar_small": {"z": "16", "encoder.units": "[24]", "decoder.units": "[20, 28]"},
    "cat-mel_2bar_big": {"z": "12", "encoder.units": "[18]", "decoder.units": "[16, 14, 12]"},
    "flat-mel_16bar": {"z": "16", "encoder.units": "[12, 10]", "decoder.units": "[14, 12, 10]"},
    "hierdec-mel_16bar": {
        "z": "16",
        "encoder.units": "[20, 24]",
        "decoder.units": "[24, 20]",
        "decoder.conductor_units": "[18, 22]",
    },
    "melody-2bar": {
        "z": "16",
        "embedding": "6",
        "encoder.units": "[10]",
        "encoder.features": "4",
        "encoder.mixer": "12",
        "decoder.units": "[14]",
        "decoder.features": "5",
        "decoder.mixer": "12",
    },
    "melody-16bar": {
        "z": "64",
        "embedding": "6",
        "encoder.units": "[8]",
        "encoder.bar_units": "[10]",
        "encoder.features": "3",
        "decoder.units": "[12]",
        "decoder.conductor_units": "[10]",
        "decoder.features": "3",
    },
}
NAMES = tuple(SIZES)
HIERARCHICAL = ("hierdec-mel_16bar", "melody-16bar")


def small(name: str, **training: object) -> Preset:
    """A preset of that name with reduced sizes; `training` overrides its settings by name."""
    preset = PRESETS[name]
    for path, text in SIZES[name].items():
        preset = override(preset, f"model.{path}", text)
    for path, value in training.items():
        preset = override(preset, f"training.{path}", json.dumps(value))
    return preset


def build(name: str, seed: int = 0, spread: float = 0.6) -> SequenceVAE:
    """The small model with every weight drawn from N(0, spread^2)."""
    torch.manual_seed(seed)
    preset = small(name)
    model = SequenceVAE(preset.representation.spec, preset.model).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=spread)
    return model


def full(model: SequenceVAE, rows: int) -> Tensor:
    """Lengths (rows, S) of bars without a gap."""
    return torch.full((rows, model.spec.segments), model.spec.segment_length)


def mixed(model: SequenceVAE) -> Tensor:
    """Lengths (5, S): 4/4, 3/4, both in turn, an early end, and an empty bar."""
    S = model.spec.segments
    bars = torch.arange(S)
    return torch.stack(
        [
            torch.full((S,), 16),
            torch.full((S,), 12),
            torch.where(bars % 2 == 0, 12, 16),
            torch.where(bars < S // 2, 16, 0) + torch.where(bars == S // 2, 5, 0),
            torch.where(bars == S // 2 - 1, 0, 16),
        ]
    )


def tokens_for(model: SequenceVAE, lengths: Tensor) -> Tensor:
    """Random tokens (B, T), zero in slots without music, as representations store them."""
    tokens = torch.randint(model.spec.outputs.size, (len(lengths), model.spec.length))
    return tokens * layout(model, lengths).mask


def layout(model: SequenceVAE, lengths: Tensor) -> Layout:
    return model.layout(lengths)


def other(tokens: Tensor, classes: int = 90) -> Tensor:
    """Different tokens everywhere."""
    return (tokens + 37) % classes
