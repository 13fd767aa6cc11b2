"""Small models of the kinds that Magenta.js knows, with random weights."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from musicvae.checkpoint import Checkpoint
from musicvae.config import (
    Bidirectional,
    Conductor,
    Decoder,
    Encoder,
    Flat,
    Hierarchical,
    ModelConfig,
    Preset,
    TrainingConfig,
)
from musicvae.models.vae import SequenceVAE
from musicvae.representations.base import MultiLabel, Representation
from musicvae.representations.chord_controls import FullChords, MajorMinor, Triads, WithKey
from musicvae.representations.drums import Drums
from musicvae.representations.drums_kit import SeparateNine, SeparateSixtyOne
from musicvae.representations.groove import Groove
from musicvae.representations.groove_tasks import FixedVelocity, HitsAsControls, Humanize, Tap
from musicvae.representations.melody import Melody
from musicvae.representations.multitrack import Multitrack
from musicvae.representations.trio import Trio

Z = 8


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A representation, and whether its model is hierarchical or has a decoder for each stream."""

    representation: Representation[Any]
    hierarchical: bool = False
    separate: bool = False


KINDS: dict[str, Kind] = {
    "melody": Kind(representation=Melody(bars=2)),
    "melody hierarchical": Kind(representation=Melody(bars=4), hierarchical=True),
    "melody triads": Kind(representation=Melody(bars=2, chords=Triads())),
    "melody major minor": Kind(representation=Melody(bars=2, chords=MajorMinor())),
    "melody full chords": Kind(representation=Melody(bars=2, chords=FullChords())),
    "melody triads key": Kind(representation=Melody(bars=2, chords=WithKey())),
    "melody key": Kind(representation=Melody(bars=2, chords=WithKey(chords=None))),
    "drums": Kind(representation=Drums(bars=2)),
    "drums separate": Kind(representation=Drums(bars=2, kit=SeparateNine())),
    "drums sixty-one": Kind(representation=Drums(bars=1, kit=SeparateSixtyOne())),
    "groove": Kind(representation=Groove(bars=2)),
    "groove humanize": Kind(representation=Groove(bars=2, tasks=(Humanize(),))),
    "groove tap": Kind(representation=Groove(bars=2, tasks=(Tap(), FixedVelocity()))),
    "groove hits": Kind(representation=Groove(bars=1, tasks=(HitsAsControls(),))),
    "trio": Kind(representation=Trio(bars=1), separate=True),
    "trio hierarchical": Kind(representation=Trio(bars=2), hierarchical=True, separate=True),
    "multitrack": Kind(representation=Multitrack(), hierarchical=True),
    "multitrack chords": Kind(representation=Multitrack(chords=Triads()), hierarchical=True),
}


def checkpoint(kind: Kind, seed: int = 0) -> Checkpoint:
    """A model of a kind whose likeliest tokens change from step to step."""
    encoder: Encoder = Bidirectional(units=(12,))
    decoder: Decoder = Flat(units=(10, 10), separate=kind.separate)
    if kind.hierarchical:
        encoder = Hierarchical(units=(12,))
        decoder = Conductor(units=(10, 10), conductor_units=(9, 9), separate=kind.separate)
    config = ModelConfig(z=Z, encoder=encoder, decoder=decoder)
    if isinstance(kind.representation.spec.outputs, MultiLabel):
        config = replace(config, nade=6)
    model = SequenceVAE(kind.representation.spec, config)
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        spread = 0.2 if parameter.ndim == 1 else 0.8
        torch.nn.init.normal_(parameter, std=spread, generator=generator)
    preset = Preset(
        name="small",
        summary="a small model",
        representation=kind.representation,
        model=config,
        training=TrainingConfig(batch_size=1, updates=1),
    )
    return Checkpoint(preset=preset, weights=model.state_dict())


def lengths(checkpoint: Checkpoint, batch: int) -> Tensor:
    """All steps of every segment."""
    spec = checkpoint.preset.representation.spec
    return torch.full((batch, spec.segments), spec.segment_length)
