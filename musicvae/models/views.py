"""What a decoder sees of z: the state each stretch starts in, and features at every step.

`Whole` and `Conducted` are the published ones (Roberts et al. 2018, section 3.2); in `Shares` and
`ConductedShares` each step has its own view of z, and each group of steps its own share of it.

A view has `width` (V), `per_segment` (does the decoder's state start anew in each segment?),
`to_output` (do the logits read the view too?), `feedback` (is a step told the token before it?)
and `start_width` (W). Called with z (B, Z) it returns the features (B, T or 1, V) and what starting
states are made of, (B, W) or, per segment, (B * S, W).
"""

from __future__ import annotations

from typing import assert_never

from torch import Tensor, nn

from musicvae.config import Conductor, ConductorViews, Decoder, Flat, FlatViews, ModelConfig
from musicvae.models.encoders import divide
from musicvae.models.lstm import InitialState, LSTMStack
from musicvae.representations.base import TokenSpec


class Whole(nn.Module):
    """All of z at every step of one stretch."""

    per_segment = False
    feedback = True

    def __init__(self, spec: TokenSpec, model: ModelConfig, config: Flat) -> None:
        super().__init__()
        self.to_output = config.to_output
        self.width = self.start_width = model.z

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return z[:, None], z


class Shares(nn.Module):
    """Each step sees features of its group's share of z, and of z as a whole through a mixer."""

    per_segment = False
    to_output = True

    def __init__(self, spec: TokenSpec, model: ModelConfig, config: FlatViews) -> None:
        super().__init__()
        self.width, self.groups, self.feedback = config.features, config.groups, config.feedback
        self.start_width = config.mixer
        everything = spec.length * config.features
        self.share = nn.Linear(divide(model.z, config.groups), divide(everything, config.groups))
        self.mixer = nn.Sequential(nn.Linear(model.z, config.mixer), nn.GELU())
        self.mixed = nn.Linear(config.mixer, everything)
        nn.init.normal_(self.mixed.weight, std=1e-3)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        mixed = self.mixer(z)
        own = self.share(z.unflatten(1, (self.groups, -1))).flatten(1)
        return (own + self.mixed(mixed)).unflatten(1, (-1, self.width)), mixed


class Conducted(nn.Module):
    """A conductor LSTM writes an embedding for each segment, which takes z's place in it.

    The conductor reads a single zero at every step, as the reference's does: all that it knows is
    in its initial state.
    """

    per_segment = True
    to_output = False
    feedback = True

    def __init__(self, spec: TokenSpec, model: ModelConfig, config: Conductor) -> None:
        super().__init__()
        self.segments, self.steps = spec.segments, spec.segment_length
        self.width = self.start_width = config.conductor_units[-1]
        self.start = InitialState(model.z, config.conductor_units)
        self.conductor = LSTMStack(1, config.conductor_units, model.dropout)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        embeddings = self.conductor(z.new_zeros(len(z), self.segments, 1), self.start(z))
        features = embeddings.repeat_interleave(self.steps, dim=1)  # (B, T, V)
        return features, embeddings.flatten(0, 1)


class ConductedShares(nn.Module):
    """A conductor LSTM that reads each segment's share of z; each step sees its own features of
    the conductor's embedding and of its group's share."""

    per_segment = True
    to_output = True
    feedback = True

    def __init__(self, spec: TokenSpec, model: ModelConfig, config: ConductorViews) -> None:
        super().__init__()
        self.segments, self.groups, self.width = spec.segments, config.groups, config.features
        share, segment = divide(model.z, spec.segments), spec.segment_length * config.features
        self.start = InitialState(model.z, config.conductor_units)
        self.start_width = config.conductor_units[-1]
        self.conductor = LSTMStack(share, config.conductor_units, model.dropout)
        self.share = nn.Linear(divide(share, config.groups), divide(segment, config.groups))
        self.embedded = nn.Linear(config.conductor_units[-1], segment)
        nn.init.normal_(self.embedded.weight, std=1e-3)

    def forward(self, z: Tensor) -> tuple[Tensor, Tensor]:
        shares = z.unflatten(1, (self.segments, -1))
        embeddings = self.conductor(shares, self.start(z))  # (B, S, C)
        own = self.share(shares.unflatten(2, (self.groups, -1))).flatten(2)  # (B, S, L * V)
        features = (own + self.embedded(embeddings)).reshape(len(z), -1, self.width)
        return features, embeddings.flatten(0, 1)


View = Whole | Shares | Conducted | ConductedShares


def build_view(spec: TokenSpec, model: ModelConfig) -> View:
    """The view that a decoder's configuration calls for."""
    config: Decoder = model.decoder
    match config:
        case Flat():
            return Whole(spec, model, config)
        case FlatViews():
            return Shares(spec, model, config)
        case Conductor():
            return Conducted(spec, model, config)
        case ConductorViews():
            return ConductedShares(spec, model, config)
        case _:
            assert_never(config)
