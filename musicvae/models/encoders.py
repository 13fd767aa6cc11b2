"""From tokens to the posterior q(z | x): a diagonal normal with a mean and a standard deviation.

`BidirectionalEncoder` and `HierarchicalEncoder` are the published ones (Roberts et al. 2018,
section 3.1; Simon et al. 2018). The other two read the recurrent network at every step and give
each stretch of music its own share of z.

Letters: B batch, S segments (bars), L slots a segment, T = S * L, G groups, Z dimensions of z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import assert_never

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musicvae.config import (
    BarByBar,
    Bidirectional,
    Encoder,
    EveryStep,
    Hierarchical,
    ModelConfig,
    NoEncoder,
)
from musicvae.models.inputs import EncoderInput
from musicvae.models.layout import Layout
from musicvae.models.lstm import BidirectionalLSTM
from musicvae.representations.base import TokenSpec

# Added to the variance that a norm divides by. Published heads begin with means of a variance of
# 1e-5 and less: with as much added to it the rate is not held, and means shrink to nothing.
LEAST_VARIANCE = 1e-12


@dataclass(frozen=True, eq=False)
class Posterior:
    """q(z | x) for each row: `mean` and `std` (standard deviation, not variance), both (B, Z)."""

    mean: Tensor
    std: Tensor

    def sample(self, generator: torch.Generator | None = None) -> Tensor:
        """mean + std * noise, with standard normal noise; differentiable in both."""
        noise = torch.randn(
            self.mean.shape, generator=generator, device=self.mean.device, dtype=self.mean.dtype
        )
        return self.mean + self.std * noise


class BidirectionalEncoder(nn.Module):
    """The last states of both directions of a bidirectional LSTM -> mean and sigma."""

    def __init__(self, spec: TokenSpec, model: ModelConfig, config: Bidirectional) -> None:
        super().__init__()
        self.tokens = EncoderInput(spec, model)
        self.lstm = BidirectionalLSTM(self.tokens.width, config.units, model.dropout)
        self.mean = _published_linear(2 * config.units[-1], model.z)
        self.sigma = _published_linear(2 * config.units[-1], model.z, softplus_inverse(model.sigma))

    def forward(self, tokens: Tensor, layout: Layout, controls: Tensor | None = None) -> Posterior:
        x = layout.compact(self.tokens.read(tokens, controls))
        _, last = self.lstm(x, None if layout.full else layout.total)
        return Posterior(self.mean(last), F.softplus(self.sigma(last)))


class HierarchicalEncoder(nn.Module):
    """The last states within each segment, and a second network over these (Simon et al. 2018).

    The upper one runs over all segments, those without steps too, as the reference's does.
    """

    def __init__(self, spec: TokenSpec, model: ModelConfig, config: Hierarchical) -> None:
        super().__init__()
        self.segments = spec.segments
        self.tokens = EncoderInput(spec, model)
        self.lstm = BidirectionalLSTM(self.tokens.width, config.units, model.dropout)
        self.upper = BidirectionalLSTM(2 * config.units[-1], config.units, model.dropout)
        self.mean = _published_linear(2 * config.units[-1], model.z)
        self.sigma = _published_linear(2 * config.units[-1], model.z, softplus_inverse(model.sigma))

    def forward(self, tokens: Tensor, layout: Layout, controls: Tensor | None = None) -> Posterior:
        x = self.tokens.read(tokens, controls).unflatten(1, (self.segments, -1)).flatten(0, 1)
        _, last = self.lstm(x, None if layout.full else layout.lengths.flatten())
        _, top = self.upper(last.unflatten(0, (len(tokens), -1)))
        return Posterior(self.mean(top), F.softplus(self.sigma(top)))


class EveryStepEncoder(nn.Module):
    """Features of every step -> shares of z by group, plus what a mixer sees in all of them."""

    def __init__(self, spec: TokenSpec, model: ModelConfig, config: EveryStep) -> None:
        super().__init__()
        self.groups, self.length = config.groups, spec.length
        self.tokens = EncoderInput(spec, model)
        self.lstm = BidirectionalLSTM(self.tokens.width, config.units, model.dropout)
        self.read = nn.Linear(2 * config.units[-1], config.features)
        everything = spec.length * config.features
        share_in, share_out = divide(everything, config.groups), divide(model.z, config.groups)
        self.mean = nn.Linear(share_in, share_out)
        self.sigma = _constant_linear(share_in, share_out, 0.0)
        self.mixer = nn.Sequential(
            nn.LayerNorm(everything), nn.Linear(everything, config.mixer), nn.GELU()
        )
        self.mixed_mean = _published_linear(config.mixer, model.z)
        self.mixed_sigma = _published_linear(config.mixer, model.z, softplus_inverse(model.sigma))

    def forward(self, tokens: Tensor, layout: Layout, controls: Tensor | None = None) -> Posterior:
        x = layout.compact(self.tokens.read(tokens, controls))
        outputs, _ = self.lstm(x, None if layout.full else layout.total)
        read = layout.spread(self.read(outputs))
        read = F.pad(read, (0, 0, 0, self.length - read.shape[1])).flatten(1)  # (B, T * features)
        shares = read.unflatten(1, (self.groups, -1))  # (B, G, T / G * features)
        mixed = self.mixer(read)
        mean = self.mean(shares).flatten(1) + self.mixed_mean(mixed)
        sigma = self.sigma(shares).flatten(1) + self.mixed_sigma(mixed)
        return Posterior(mean, F.softplus(sigma))


class BarByBarEncoder(nn.Module):
    """A bidirectional LSTM in each bar, one over the bars, and a share of z for every bar."""

    def __init__(self, spec: TokenSpec, model: ModelConfig, config: BarByBar) -> None:
        super().__init__()
        self.segments, self.groups = spec.segments, config.groups
        self.tokens = EncoderInput(spec, model)
        self.lstm = BidirectionalLSTM(self.tokens.width, config.units, model.dropout)
        self.read = nn.Linear(2 * config.units[-1], config.features)
        bar = spec.segment_length * config.features
        self.summary = nn.Sequential(
            nn.LayerNorm(bar), nn.Linear(bar, config.bar_units[0]), nn.GELU()
        )
        self.bars = BidirectionalLSTM(config.bar_units[0], config.bar_units, model.dropout)
        share = divide(model.z, spec.segments)
        part_in, part_out = divide(bar, config.groups), divide(share, config.groups)
        self.mean = nn.Linear(part_in, part_out)
        self.sigma = _constant_linear(part_in, part_out, 0.0)
        across = 2 * config.bar_units[-1]
        self.bar_mean = _published_linear(across, share)
        self.bar_sigma = _published_linear(across, share, softplus_inverse(model.sigma))

    def forward(self, tokens: Tensor, layout: Layout, controls: Tensor | None = None) -> Posterior:
        B = len(tokens)
        x = self.tokens.read(tokens, controls).unflatten(1, (self.segments, -1)).flatten(0, 1)
        lengths = None if layout.full else layout.lengths.flatten()
        read = self.read(self.lstm(x, lengths)[0])
        read = (read * layout.mask.reshape(*read.shape[:2], 1)).flatten(1)  # (B * S, L * features)
        across, _ = self.bars(self.summary(read).unflatten(0, (B, self.segments)))  # (B, S, .)
        parts = read.unflatten(1, (self.groups, -1))
        mean = self.mean(parts).reshape(B, self.segments, -1) + self.bar_mean(across)
        sigma = self.sigma(parts).reshape(B, self.segments, -1) + self.bar_sigma(across)
        return Posterior(mean.flatten(1), F.softplus(sigma.flatten(1)))


PlainEncoder = BidirectionalEncoder | HierarchicalEncoder | EveryStepEncoder | BarByBarEncoder


class Nothing(nn.Module):
    """No posterior: z of no dimension."""

    def forward(self, tokens: Tensor, layout: Layout, controls: Tensor | None = None) -> Posterior:
        nothing = torch.zeros(len(tokens), 0, device=tokens.device)
        return Posterior(nothing, nothing)


class Normed(nn.Module):
    """An encoder whose means are batch-normed with a fixed gain and a learned offset.

    In each dimension the KL, averaged over the batch, is then gain^2 / 2 nats at the least,
    whatever the encoder says (Zhu et al. 2020). In use the running moments of training count.
    """

    running_mean: Tensor
    running_var: Tensor

    def __init__(self, encoder: PlainEncoder | Nothing, size: int, gain: float) -> None:
        super().__init__()
        self.encoder, self.gain = encoder, gain
        self.offset = nn.Parameter(torch.zeros(size))
        self.register_buffer("running_mean", torch.zeros(size))
        self.register_buffer("running_var", torch.ones(size))

    def affine(self) -> tuple[Tensor, Tensor]:
        """In use: the gain and the offset (Z,) that the norm comes to."""
        gain = self.gain * (self.running_var + LEAST_VARIANCE).rsqrt()
        return gain, self.offset - gain * self.running_mean

    def forward(self, tokens: Tensor, layout: Layout, controls: Tensor | None = None) -> Posterior:
        posterior: Posterior = self.encoder(tokens, layout, controls)
        mean = F.batch_norm(
            posterior.mean,
            self.running_mean,
            self.running_var,
            torch.full_like(self.offset, self.gain),
            self.offset,
            training=self.training,
            eps=LEAST_VARIANCE,
        )
        return Posterior(mean, posterior.std)


AnyEncoder = PlainEncoder | Nothing | Normed


def build_encoder(spec: TokenSpec, model: ModelConfig) -> AnyEncoder:
    """The encoder that a configuration describes."""
    encoder = _plain_encoder(spec, model)
    return encoder if model.mean_gain is None else Normed(encoder, model.z, model.mean_gain)


def _plain_encoder(spec: TokenSpec, model: ModelConfig) -> PlainEncoder | Nothing:
    config: Encoder = model.encoder
    match config:
        case Bidirectional():
            return BidirectionalEncoder(spec, model, config)
        case Hierarchical():
            return HierarchicalEncoder(spec, model, config)
        case EveryStep():
            return EveryStepEncoder(spec, model, config)
        case BarByBar():
            return BarByBarEncoder(spec, model, config)
        case NoEncoder():
            return Nothing()
        case _:
            assert_never(config)


def softplus_inverse(sigma: float) -> float:
    """The number whose softplus is `sigma`."""
    return math.log(math.expm1(sigma))


def divide(total: int, parts: int) -> int:
    """`total` / `parts`, which must come out even."""
    if total % parts:
        raise ValueError(f"{total} cannot be divided into {parts} equal shares")
    return total // parts


def _published_linear(inputs: int, outputs: int, bias: float = 0.0) -> nn.Linear:
    """Weights drawn from N(0, 0.001), as the reference starts its heads, and a constant bias."""
    linear = nn.Linear(inputs, outputs)
    nn.init.normal_(linear.weight, std=1e-3)
    nn.init.constant_(linear.bias, bias)
    return linear


def _constant_linear(inputs: int, outputs: int, bias: float) -> nn.Linear:
    linear = nn.Linear(inputs, outputs)
    nn.init.zeros_(linear.weight)
    nn.init.constant_(linear.bias, bias)
    return linear
