"""The layers of a model as ONNX operators: what it reads of tokens, and its LSTMs.

Letters: B batch, T steps, C streams, I inputs, H units, E numbers a step, N of a state.
"""

from __future__ import annotations

from typing import assert_never

import numpy as np
from torch import Tensor, nn

from musicvae.interop.onnx_graph import Graph
from musicvae.models.inputs import TokenInput
from musicvae.models.lstm import BidirectionalLSTM, LSTMStack
from musicvae.representations.base import Categorical, MultiLabel, Several, Strokes


def read_tokens(g: Graph, tokens: str, module: TokenInput, leading: int) -> str:
    """Tokens with `leading` dimensions before those of a step -> vectors (..., E)."""
    space = module.space
    match space:
        case Categorical():
            return _looked_up(g, tokens, module, space.size)
        case Several():
            at = g.op("Add", tokens, g.constant(module.get_buffer("offsets"), np.int64))
            vectors = _looked_up(g, at, module, sum(space.sizes))  # (..., C, E)
            if module.table is None:  # no two streams have a column in common
                return g.op("ReduceSum", vectors, g.shapes(-2), keepdims=0)
            return g.reshape(vectors, *(0,) * leading, module.width)
        case MultiLabel() | Strokes():
            x = g.cast(tokens, np.float32)
            if isinstance(space, MultiLabel) and space.silence:
                most = g.op("ReduceMax", x, axes=[-1], keepdims=1)
                x = g.concat(x, g.op("Sub", g.constant(1.0), most))
            return x if module.table is None else g.linear(x, module.table)
        case _:
            assert_never(space)


def _looked_up(g: Graph, at: str, module: TokenInput, classes: int) -> str:
    if module.table is None:
        return g.op("OneHot", at, g.shapes(classes), g.constant([0.0, 1.0]), axis=-1)
    assert isinstance(module.table, nn.Embedding)
    return g.op("Gather", g.constant(module.table.weight), at)


def bidirectional(
    g: Graph, x: str, module: BidirectionalLSTM, lengths: str | None = None
) -> tuple[str, str]:
    """(B, T, I) -> outputs of both directions (B, T, 2 H), and their last states (B, 2 H).

    With `lengths` (B,) int64 each row is read as far as it goes; 0 gives last states of 0.
    """
    counts = "" if lengths is None else g.cast(lengths, np.int32)
    x, last = g.op("Transpose", x, perm=[1, 0, 2]), ""
    for pair in zip(module.forwards, module.backwards, strict=True):
        weights = [np.stack(w) for w in zip(*map(_weights, pair), strict=True)]
        units = weights[1].shape[-1]
        both, last, _ = g.ops(
            "LSTM",
            x,
            *map(g.constant, weights),
            counts,
            outputs=3,
            direction="bidirectional",
            hidden_size=units,
        )  # (T, 2, B, H), (2, B, H)
        x = g.reshape(g.op("Transpose", both, perm=[0, 2, 1, 3]), 0, 0, 2 * units)
        last = g.reshape(g.op("Transpose", last, perm=[1, 0, 2]), 0, 2 * units)
    if lengths is not None:
        some = g.op("Greater", lengths, g.constant(0, np.int64))
        last = g.op("Mul", last, g.op("Unsqueeze", g.cast(some, np.float32), g.shapes(1)))
    return g.op("Transpose", x, perm=[1, 0, 2]), last


def stack(g: Graph, x: str, module: LSTMStack, start: str) -> str:
    """(T, B, I), and the state to start from (B, N), as `step` has it -> (T, B, H)."""
    states = g.split(start, [h for h in module.units for _ in range(2)])
    layers = zip(module.layers, module.units, states[::2], states[1::2], strict=True)
    for layer, units, cell, hidden in layers:
        first = [g.op("Unsqueeze", s, g.shapes(0)) for s in (hidden, cell)]
        weights = [g.constant(w[None]) for w in _weights(layer)]
        x = g.ops("LSTM", x, *weights, "", *first, outputs=3, hidden_size=units)[0]
        x = g.op("Squeeze", x, g.shapes(1))
    return x


def step(g: Graph, x: str, module: LSTMStack, state: str) -> tuple[str, str]:
    """One step: (B, I) and the state (B, N) of all layers, (c0, h0, c1, h1, ...) -> the top
    layer's output (B, H) and the new state."""
    states = g.split(state, [h for h in module.units for _ in range(2)])
    after = []
    layers = zip(module.layers, module.units, states[::2], states[1::2], strict=True)
    for layer, units, cell, hidden in layers:
        weight_ih, weight_hh, bias_ih, bias_hh = layer.parameters()
        seen = g.op("MatMul", x, g.constant(weight_ih.T))
        known = g.op("MatMul", hidden, g.constant(weight_hh.T))
        sums = g.op("Add", g.op("Add", seen, known), g.constant(bias_ih + bias_hh))
        enter, keep, new, show = g.split(sums, [units] * 4)
        kept = g.op("Mul", g.op("Sigmoid", keep), cell)
        entered = g.op("Mul", g.op("Sigmoid", enter), g.op("Tanh", new))
        cell = g.op("Add", kept, entered)
        x = g.op("Mul", g.op("Sigmoid", show), g.op("Tanh", cell))
        after += [cell, x]
    return x, g.concat(*after)


def _weights(layer: nn.Module) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """ONNX's W (4 H, I), R (4 H, H) and B (8 H,), with gates in its order: i, o, f, c."""
    ih, hh, bias_ih, bias_hh = (_reordered(p) for p in layer.parameters())
    return ih, hh, np.concatenate([bias_ih, bias_hh])


def _reordered(weight: Tensor) -> np.ndarray:
    enter, keep, new, show = np.split(weight.detach().cpu().numpy(), 4)
    return np.concatenate([enter, show, keep, new])
