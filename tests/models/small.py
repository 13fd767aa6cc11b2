"""Every preset at a size that a test can run many times, and batches for it.

Sizes follow from a rule, with no width used twice, so that parts exchanged by mistake show. Weights
are drawn wider than training starts with, so that whatever an output depends on shows.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any, assert_never

import torch
from torch import Tensor

from musicvae.config import (
    BarByBar,
    Conductor,
    ConductorViews,
    EveryStep,
    FlatViews,
    ModelConfig,
    Preset,
    override,
)
from musicvae.models.encoders import Posterior
from musicvae.models.layout import Layout
from musicvae.models.vae import Reconstruction, SequenceVAE
from musicvae.presets import PRESETS
from musicvae.representations.base import (
    Categorical,
    MultiLabel,
    Several,
    Space,
    Strokes,
    TokenSpec,
)

MELODIES = (
    "cat-mel_2bar_small",
    "cat-mel_2bar_big",
    "flat-mel_16bar",
    "hierdec-mel_16bar",
    "melody-2bar",
    "melody-16bar",
)

# One preset for each way in which a model can be built or fed.
KINDS = {
    "cat-mel_2bar_big": "flat, of three layers",
    "cat-drums_2bar_small": "reads labels, writes classes",
    "cat-mel_2bar_med_chords": "is told the chords",
    "nade-drums_2bar_reduced": "writes labels",
    "flat-trio_16bar": "writes three streams at once, reads them in two layers",
    "groovae_2bar_hits_control_tfds": "writes strokes, is told several things at once",
    "hierdec-mel_16bar": "has a conductor",
    "hier-trio_16bar": "reads in two levels, writes three streams apart",
    "hier-multiperf_vel_1bar_med": "writes until an end token",
    "melody-2bar": "has views",
    "melody-2bar-anymeter": "has views, and bars of 24 steps",
    "melody-16bar": "reads bar by bar, has a conductor with views",
    "trio-16bar": "the same with three streams apart",
    "multitrack-1bar": "the same with an end token",
    "text-small": "is one segment with an end token, and the logits see z",
}
WIRINGS = tuple(KINDS)
CONDUCTED = tuple(
    n for n in WIRINGS if isinstance(PRESETS[n].model.decoder, Conductor | ConductorViews)
)
PLAIN = {"features": 3, "mixer": 12}  # what is no stack of layers


@dataclass(frozen=True, eq=False)
class Case:
    """What goes through a model: what it writes and what it reads (B, T, ...), lengths (B, S)."""

    tokens: Tensor
    inputs: Tensor
    lengths: Tensor
    controls: Tensor | None

    def __len__(self) -> int:
        return len(self.tokens)

    def row(self, i: int) -> Case:
        return self.rows(torch.tensor([i]))

    def rows(self, index: Tensor) -> Case:
        parts = (getattr(self, f.name) for f in fields(self))
        return Case(*(None if p is None else p[index] for p in parts))


def small(name: str, **training: object) -> Preset:
    """A preset of that name with reduced sizes; `training` overrides its settings by name."""
    preset = PRESETS[name]
    preset = replace(preset, model=reduced(preset.model, preset.representation.spec))
    for path, value in training.items():
        preset = override(preset, f"training.{path}", json.dumps(value))
    return preset


def reduced(model: ModelConfig, spec: TokenSpec) -> ModelConfig:
    """A model of the same build with small widths, and a z that its shares divide."""
    widths = itertools.count(9, 2)
    encoder, decoder = (_narrowed(part, widths) for part in (model.encoder, model.decoder))
    shares = [p.groups for p in (encoder, decoder) if isinstance(p, EveryStep | FlatViews)]
    bars = [p.groups for p in (encoder, decoder) if isinstance(p, BarByBar | ConductorViews)]
    unit = max([1, *shares, *(g * spec.segments for g in bars)])
    return replace(
        model,
        z=unit * -(-16 // unit),
        embedding=None if model.embedding is None else 6,
        nade=7,
        encoder=encoder,
        decoder=decoder,
    )


def _narrowed(part: Any, widths: Iterator[int]) -> Any:
    sizes = {
        f.name: tuple(next(widths) for _ in getattr(part, f.name))
        for f in fields(part)
        if f.name.endswith("units")
    }
    return replace(part, **sizes, **{k: v for k, v in PLAIN.items() if hasattr(part, k)})


def shortened(spec: TokenSpec) -> TokenSpec:
    """The same with at most three segments, and 16 steps in each where there were many."""
    segments = min(spec.segments, 3)
    steps = spec.segment_length if spec.segment_length <= 24 else 16
    return replace(spec, segments=segments, length=segments * steps)


def build(name: str, seed: int = 0, spread: float = 0.6) -> SequenceVAE:
    """The small model with every weight drawn from N(0, spread^2)."""
    preset = small(name)
    return _drawn(preset.representation.spec, preset.model, seed, spread)


def wired(name: str, seed: int = 0, spread: float = 0.6) -> SequenceVAE:
    """The same for a shorter sequence: what does not depend on how many bars there are."""
    preset = PRESETS[name]
    spec = shortened(preset.representation.spec)
    return _drawn(spec, reduced(preset.model, spec), seed, spread)


def _drawn(spec: TokenSpec, config: ModelConfig, seed: int, spread: float) -> SequenceVAE:
    torch.manual_seed(seed)
    model = SequenceVAE(spec, config).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=spread)
    return model


def full(model: SequenceVAE, rows: int) -> Tensor:
    """Lengths (rows, S) of bars without a gap."""
    return torch.full((rows, model.spec.segments), model.spec.segment_length)


def three_quarters(model: SequenceVAE, rows: int) -> Tensor:
    """Lengths (rows, S) of bars that leave a quarter of their slots free, as those of 3/4 do."""
    return torch.full((rows, model.spec.segments), model.spec.segment_length * 3 // 4)


def mixed(model: SequenceVAE) -> Tensor:
    """Lengths (5, S): full, three quarters, both in turn, an early end, and an empty segment."""
    S, L = model.spec.segments, model.spec.segment_length
    bars, part = torch.arange(S), L * 3 // 4
    return torch.stack(
        [
            torch.full((S,), L),
            torch.full((S,), part),
            torch.where(bars % 2 == 0, part, L),
            torch.where(bars < S // 2, L, 0) + torch.where(bars == S // 2, 5, 0),
            torch.where(bars == S // 2 - 1, 0, L),
        ]
    )


def case(model: SequenceVAE, lengths: Tensor) -> Case:
    """Random tokens, inputs and controls, zero in slots without music, as datasets store them."""
    spec, mask = model.spec, layout(model, lengths).mask
    tokens, inputs = (_masked(random_of(s, mask.shape), mask) for s in (spec.outputs, spec.inputs))
    controls = (
        None if spec.controls is None else _masked(random_of(spec.controls, mask.shape), mask)
    )
    return Case(tokens, inputs, lengths, controls)


def random_of(space: Space, shape: tuple[int, ...]) -> Tensor:
    """Random tokens of any space."""
    match space:
        case Categorical():
            return torch.randint(space.size, shape)
        case Several():
            return torch.stack([torch.randint(size, shape) for size in space.sizes], dim=-1)
        case MultiLabel():
            return (torch.rand(*shape, space.size) < 0.4).long()
        case Strokes():
            hits = (torch.rand(*shape, space.drums) < 0.4).float()
            velocities, offsets = torch.rand(2, *hits.shape)
            return torch.cat([hits, velocities * hits, (2 * offsets - 1) * hits], dim=-1)
        case _:
            assert_never(space)


def other(tokens: Tensor, space: Space) -> Tensor:
    """Different tokens everywhere, in each stream and for each label."""
    match space:
        case Categorical():
            return (tokens + 37) % space.size
        case Several():
            return (tokens + 37) % torch.tensor(space.sizes)
        case MultiLabel():
            return 1 - tokens
        case Strokes():
            hits, velocities, offsets = tokens.chunk(3, -1)
            return torch.cat([1 - hits, (velocities + 0.4) % 1, (offsets + 1.4) % 2 - 1], dim=-1)
        case _:
            assert_never(space)


def run(model: SequenceVAE, given: Case, **settings: Any) -> Reconstruction:
    """A whole pass."""
    return model(
        given.tokens, given.lengths, inputs=given.inputs, controls=given.controls, **settings
    )


def posterior(model: SequenceVAE, given: Case) -> Posterior:
    return model.posterior(given.inputs, given.lengths, given.controls)


def logits(model: SequenceVAE, z: Tensor, given: Case, keep: Tensor | None = None) -> Tensor:
    """Teacher forcing."""
    place = layout(model, given.lengths)
    return model.decoder(z, given.tokens, place, keep, given.controls)


def code(model: SequenceVAE, rows: int) -> Tensor:
    return torch.randn(rows, model.config.z)


def layout(model: SequenceVAE, lengths: Tensor) -> Layout:
    return model.layout(lengths)


def _masked(tokens: Tensor, mask: Tensor) -> Tensor:
    return tokens * mask.reshape(mask.shape + (1,) * (tokens.ndim - 2))
