"""Long short-term memory, run over whole sequences with the fused kernel and step by step.

Gates are in PyTorch's order (input, forget, cell, output). A fused `nn.LSTM` call re-packs its
weights each time, so sampling steps use `torch.lstm_cell` on the same parameters.

Letters: B batch, T steps, I inputs, H units.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

State = list[tuple[Tensor, Tensor]]  # one (h, c) a layer, each (B, H)


class LSTMStack(nn.Module):
    """Layers of LSTM, each reading the one below; `units` gives the width of each."""

    def __init__(self, inputs: int, units: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__()
        widths = [inputs, *units[:-1]]
        self.units = tuple(units)
        self.drop = nn.Dropout(dropout)
        self.layers = nn.ModuleList(_layer(i, h) for i, h in zip(widths, units, strict=True))

    def forward(
        self, x: Float[Tensor, "B T I"], state: State | None = None
    ) -> Float[Tensor, "B T H"]:
        """A whole sequence, from `state` or from zeros -> the top layer's outputs."""
        for i, layer in enumerate(self.layers):
            start = None if state is None else tuple(s[None].contiguous() for s in state[i])
            x, _ = layer(self.drop(x), start)
        return x

    def step(self, x: Float[Tensor, "B I"], state: State) -> tuple[Float[Tensor, "B H"], State]:
        """One step -> the top layer's output and the new state."""
        after: State = []
        for layer, (h, c) in zip(self.layers, state, strict=True):
            x, c = torch.lstm_cell(self.drop(x), (h, c), *layer.parameters())
            after.append((x, c))
        return x, after


class InitialState(nn.Module):
    """tanh of a linear layer -> hidden and cell state of every layer, (c0, h0, c1, h1, ...)."""

    def __init__(self, inputs: int, units: Sequence[int]) -> None:
        super().__init__()
        self.sizes = [h for h in units for _ in range(2)]
        self.project = _linear(inputs, sum(self.sizes))
        if inputs:
            nn.init.normal_(self.project.weight, std=1e-3)
        nn.init.zeros_(self.project.bias)

    def forward(self, x: Tensor) -> State:
        parts = torch.tanh(self.project(x)).split(self.sizes, dim=-1)
        return [(h, c) for c, h in zip(parts[::2], parts[1::2], strict=True)]


class BidirectionalLSTM(nn.Module):
    """Stacked bidirectional LSTM: every layer reads both directions of the one below.

    The backward direction runs over each sequence reversed by its own length, so padding behind a
    sequence is never seen before the sequence itself.
    """

    def __init__(self, inputs: int, units: Sequence[int], dropout: float = 0.0) -> None:
        super().__init__()
        self.drop = nn.Dropout(dropout)
        widths = [inputs, *(2 * h for h in units[:-1])]
        pairs = list(zip(widths, units, strict=True))
        self.forwards = nn.ModuleList(_layer(i, h) for i, h in pairs)
        self.backwards = nn.ModuleList(_layer(i, h) for i, h in pairs)

    def forward(
        self, x: Float[Tensor, "B T I"], lengths: Int[Tensor, " B"] | None = None
    ) -> tuple[Float[Tensor, "B T H2"], Float[Tensor, "B H2"]]:
        """-> outputs of both directions at every step, and their last states side by side.

        Outputs behind a sequence's length are meaningless; a length of 0 gives last states of 0.
        """
        there = back = x
        for ahead, behind in zip(self.forwards, self.backwards, strict=True):
            there = ahead(self.drop(x))[0]
            back = behind(self.drop(reverse(x, lengths)))[0]
            x = torch.cat([there, reverse(back, lengths)], dim=-1)
        if lengths is None:
            return x, torch.cat([there[:, -1], back[:, -1]], dim=-1)
        at = (lengths - 1).clamp(min=0)[:, None, None].expand(-1, 1, there.shape[-1])
        last = torch.cat([there.gather(1, at), back.gather(1, at)], dim=-1)[:, 0]
        return x, last * (lengths > 0)[:, None]


def reverse(x: Tensor, lengths: Tensor | None) -> Tensor:
    """(B, T, ...) with the first `lengths` steps of each row in reverse order; None: all T."""
    if lengths is None:
        return x.flip(1)
    steps = torch.arange(x.shape[1], device=x.device)
    at = torch.where(steps < lengths[:, None], lengths[:, None] - 1 - steps, steps)
    return x.gather(1, at.reshape(at.shape + (1,) * (x.ndim - 2)).expand(x.shape))


def _linear(inputs: int, outputs: int) -> nn.Linear:
    """Of no input too, where there is nothing to draw and PyTorch would warn of it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Initializing zero-element tensors")
        return nn.Linear(inputs, outputs)


def _layer(inputs: int, units: int) -> nn.LSTM:
    """Glorot-uniform kernels over all four gates, zero biases but 1 for the forget gate.

    Jozefowicz et al. 2015 for the forget bias; the reference adds the same 1 at run time.
    """
    layer = nn.LSTM(inputs, units, batch_first=True)
    weight_ih, weight_hh, bias_ih, bias_hh = layer.parameters()
    with torch.no_grad():
        nn.init.xavier_uniform_(weight_ih)
        nn.init.xavier_uniform_(weight_hh)
        bias_ih.zero_()
        bias_hh.zero_()
        bias_ih[units : 2 * units] = 1.0
    return layer
