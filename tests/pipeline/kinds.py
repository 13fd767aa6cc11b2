"""Every kind of model at a size that a test can run, untrained, with weights so wide that what it
makes depends on z."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path

import torch

from musicvae.checkpoint import Checkpoint
from musicvae.config import Preset, override
from musicvae.models.vae import SequenceVAE
from musicvae.pipeline.model import MusicVAE
from musicvae.presets import preset
from musicvae.representations.abilities import Audible
from musicvae.representations.base import Learned

SAMPLES = Path(__file__).parent.parent.parent / "data" / "samples"
BAND, OTHER = SAMPLES / "yankee_doodle_band.mid", SAMPLES / "frere_jacques_band.mid"
SENTENCES = (
    "The cat sat on the mat.",
    "A dog ran over the hill.",
    "She likes tea, and he likes coffee.",
    "They went home before the rain began.",
    "The train was late again.",
    "Nobody knew where the old man lived.",
    "We had bread and cheese for lunch.",
    "The cat ran home.",
)

_FLAT = {
    "z": "16",
    "embedding": "4",
    "encoder.units": "8",
    "encoder.mixer": "8",
    "decoder.units": "8",
    "decoder.mixer": "8",
}
_BARS = {
    "z": "64",
    "embedding": "4",
    "encoder.units": "8",
    "encoder.bar_units": "8",
    "encoder.features": "3",
    "decoder.units": "8",
    "decoder.conductor_units": "8",
    "decoder.features": "3",
}
SIZES = {
    "melody-2bar": _FLAT,
    "melody-2bar-chords": _FLAT,
    "melody-2bar-anymeter": _FLAT,
    "drums-2bar": _FLAT,
    "trio-16bar": _BARS,
    "groove-2bar-humanize": _FLAT,
    "groove-2bar-tap": _FLAT,
    "groove-4bar": _FLAT,
    "multitrack-1bar": _BARS,
    "text-small": {"z": "16", "embedding": "8", "encoder.units": "8", "decoder.units": "16"},
}
KINDS = tuple(SIZES)
MUSIC = tuple(name for name in KINDS if isinstance(preset(name).representation, Audible))


def sources(name: str) -> tuple[object, object]:
    """Two sources that a kind reads, of 16 bars and of 8, or of so many sentences."""
    if name in MUSIC:
        return BAND, OTHER
    return "\n".join(SENTENCES * 2), "\n".join(reversed(SENTENCES))


def tiny_preset(name: str) -> Preset:
    """The preset of that name, small; what learns from sources has learned."""
    small = preset(name)
    if isinstance(small.representation, Learned):
        vocabulary = override(small.representation, "vocabulary.size", "120")
        small = replace(small, representation=vocabulary.fit(SENTENCES))
    for path, value in SIZES[name].items():
        small = override(small, f"model.{path}", value)
    return replace(small, summary="a toy")


@cache
def tiny_checkpoint(name: str) -> Checkpoint:
    """Its weights, drawn from N(0, 0.6^2)."""
    small = tiny_preset(name)
    generator = torch.Generator().manual_seed(1)
    model = SequenceVAE(small.representation.spec, small.model)
    weights = {
        k: 0.6 * torch.randn(w.shape, generator=generator) if w.is_floating_point() else w
        for k, w in model.state_dict().items()
    }
    figures = {"teacher": 0.5, "sampled": 0.25, "greedy": 0.75, "kl_bits": 12.3}
    return Checkpoint(preset=small, weights=weights, figures=figures)


def tiny(name: str) -> MusicVAE:
    """The model, ready to play with."""
    return MusicVAE(tiny_checkpoint(name), "cpu")
