"""The encoder of a model as an ONNX graph: tokens, lengths, controls -> mean and std of q(z | x).

Letters: B batch, S segments, L slots a segment, T = S * L, E numbers a step, G groups, F features,
Z dimensions of z.
"""

from __future__ import annotations

from typing import assert_never

import numpy as np

from musicvae.interop.onnx_graph import Graph
from musicvae.interop.onnx_layers import bidirectional, read_tokens
from musicvae.models.encoders import (
    BarByBarEncoder,
    BidirectionalEncoder,
    EveryStepEncoder,
    HierarchicalEncoder,
    Normed,
    Nothing,
    PlainEncoder,
)
from musicvae.models.vae import SequenceVAE
from musicvae.representations.base import Space, TokenSpec


def encoder_graph(model: SequenceVAE) -> Graph:
    """`tokens` (B, T, ...), `lengths` (B, S), `controls` (B, T, ...) where the model is told any
    -> `mean` and `std`, both (B, Z)."""
    spec, g = model.spec, Graph("encoder")
    encoder = model.encoder.encoder if isinstance(model.encoder, Normed) else model.encoder
    if isinstance(encoder, Nothing):
        raise ValueError("this model has no encoder, and nothing of it goes to ONNX")
    tokens = g.input("tokens", number_type(spec.inputs), spec.length, *spec.inputs.shape)
    lengths = g.input("lengths", np.int64, spec.segments)
    x = read_tokens(g, tokens, encoder.tokens, 2)
    if spec.controls is not None:
        assert encoder.tokens.controls is not None
        told = g.input("controls", np.int64, spec.length, *spec.controls.shape)
        x = g.concat(x, read_tokens(g, told, encoder.tokens.controls, 2))
    mean, sigma = _posterior(g, encoder, x, _Slots(g, lengths, spec))
    if isinstance(model.encoder, Normed):
        gain, offset = model.encoder.affine()
        mean = g.op("Add", g.op("Mul", mean, g.constant(gain)), g.constant(offset))
    g.output("mean", mean, np.float32, model.config.z)
    g.output("std", g.op("Softplus", sigma), np.float32, model.config.z)
    return g


def number_type(space: Space) -> type:
    """The numbers in which tokens go in and out."""
    return np.float32 if space.dtype.kind == "f" else np.int64


class _Slots:
    """Where the valid steps lie; as `musicvae.models.layout.Layout`, of whatever lengths come."""

    def __init__(self, g: Graph, lengths: str, spec: TokenSpec) -> None:
        self.g, self.lengths, self.spec = g, lengths, spec
        slots = g.shapes(*range(spec.segment_length))
        valid = g.op("Less", slots, g.op("Unsqueeze", lengths, g.shapes(2)))  # (B, S, L)
        self.mask = g.reshape(g.cast(valid, np.float32), 0, spec.length)  # (B, T)

    @property
    def by_segment(self) -> str:
        """Lengths (B * S,)."""
        return self.g.reshape(self.lengths, -1)

    @property
    def total(self) -> str:
        """Valid steps of each row (B,)."""
        return self.g.op("ReduceSum", self.lengths, self.g.shapes(1), keepdims=0)

    def compact(self, x: str) -> str:
        """(B, T, E) by slot -> (B, T, E) with the valid steps first."""
        g, T = self.g, self.spec.length
        behind = g.op("Mul", g.op("Sub", g.constant(1.0), self.mask), g.constant(T))
        places = g.op("Add", behind, g.constant(np.arange(T)))
        order = g.ops("TopK", places, g.shapes(T), outputs=2, axis=1, largest=0)[1]
        return _gathered(g, x, order)

    def spread(self, x: str) -> str:
        """Undo `compact`; slots without music become zero."""
        g = self.g
        count = g.op("CumSum", g.cast(self.mask, np.int64), g.constant(1, np.int64))
        place = g.op("Max", g.op("Sub", count, g.constant(1, np.int64)), g.constant(0, np.int64))
        return self.masked(_gathered(g, x, place))

    def masked(self, x: str) -> str:
        """(B, T, E) with zeros in slots without music."""
        return self.g.op("Mul", x, self.g.op("Unsqueeze", self.mask, self.g.shapes(2)))


def _posterior(g: Graph, encoder: PlainEncoder, x: str, slots: _Slots) -> tuple[str, str]:
    """What the encoder reads (B, T, E) -> mean and sigma before softplus, both (B, Z)."""
    match encoder:
        case BidirectionalEncoder():
            _, last = bidirectional(g, slots.compact(x), encoder.lstm, slots.total)
            return g.linear(last, encoder.mean), g.linear(last, encoder.sigma)
        case HierarchicalEncoder():
            return _hierarchical(g, encoder, x, slots)
        case EveryStepEncoder():
            return _every_step(g, encoder, x, slots)
        case BarByBarEncoder():
            return _bar_by_bar(g, encoder, x, slots)
        case _:
            assert_never(encoder)


def _hierarchical(g: Graph, encoder: HierarchicalEncoder, x: str, slots: _Slots) -> tuple[str, str]:
    spec = slots.spec
    rows = g.reshape(x, -1, spec.segment_length, encoder.tokens.width)
    _, last = bidirectional(g, rows, encoder.lstm, slots.by_segment)
    across = g.reshape(last, -1, spec.segments, encoder.mean.in_features)
    _, top = bidirectional(g, across, encoder.upper)
    return g.linear(top, encoder.mean), g.linear(top, encoder.sigma)


def _every_step(g: Graph, encoder: EveryStepEncoder, x: str, slots: _Slots) -> tuple[str, str]:
    outputs, _ = bidirectional(g, slots.compact(x), encoder.lstm, slots.total)
    read = g.reshape(slots.spread(g.linear(outputs, encoder.read)), 0, -1)  # (B, T * F)
    shares = g.reshape(read, 0, encoder.groups, -1)
    mixed = g.sequential(read, encoder.mixer)

    def both(own: str, common: str) -> str:
        return g.op("Add", g.reshape(own, 0, -1), common)

    return (
        both(g.linear(shares, encoder.mean), g.linear(mixed, encoder.mixed_mean)),
        both(g.linear(shares, encoder.sigma), g.linear(mixed, encoder.mixed_sigma)),
    )


def _bar_by_bar(g: Graph, encoder: BarByBarEncoder, x: str, slots: _Slots) -> tuple[str, str]:
    S, L = encoder.segments, slots.spec.segment_length
    rows = g.reshape(x, -1, L, encoder.tokens.width)
    outputs, _ = bidirectional(g, rows, encoder.lstm, slots.by_segment)
    features = encoder.read.out_features
    read = slots.masked(g.reshape(g.linear(outputs, encoder.read), -1, S * L, features))
    bars = g.reshape(read, 0, S, L * features)
    across, _ = bidirectional(g, g.sequential(bars, encoder.summary), encoder.bars)  # (B, S, .)
    parts = g.reshape(bars, 0, S, encoder.groups, -1)

    def both(own: str, common: str) -> str:
        return g.reshape(g.op("Add", g.reshape(own, 0, S, -1), common), 0, -1)

    return (
        both(g.linear(parts, encoder.mean), g.linear(across, encoder.bar_mean)),
        both(g.linear(parts, encoder.sigma), g.linear(across, encoder.bar_sigma)),
    )


def _gathered(g: Graph, x: str, index: str) -> str:
    """(B, T, E) at index (B, T)."""
    return g.op("GatherND", x, g.op("Unsqueeze", index, g.shapes(2)), batch_dims=1)
