"""From tokens to the vectors that a network reads.

Letters: B batch, T steps, E numbers a step.
"""

from __future__ import annotations

from typing import assert_never

import torch
from torch import Tensor, nn

from musicvae.config import ModelConfig
from musicvae.models.lstm import BidirectionalLSTM
from musicvae.representations.base import (
    Categorical,
    MultiLabel,
    Several,
    Space,
    Strokes,
    TokenSpec,
)


class TokenInput(nn.Module):
    """Tokens (B, T, ...) -> vectors (B, T, E).

    As published a class is one-hot and a set of labels a row of zeros and ones; with `embedding`
    every class, or label, has a learned vector of that many numbers.
    """

    def __init__(self, space: Space, embedding: int | None) -> None:
        super().__init__()
        self.space = space
        columns = sum(space.sizes) if isinstance(space, Several) else _plain_width(space)
        streams = len(space.sizes) if isinstance(space, Several) else 1
        self.width = columns if embedding is None else embedding * streams
        self.table = None if embedding is None else _table(space, columns, embedding)
        if isinstance(space, Several):
            offsets = torch.tensor([sum(space.sizes[:i]) for i in range(streams)])
            self.register_buffer("offsets", offsets, persistent=False)

    def forward(self, tokens: Tensor, there: Tensor | None = None) -> Tensor:
        """A step that is not `there` (a mask of (B, T)) becomes zeros."""
        x = self._vectors(tokens)
        return x if there is None else x * there[..., None].to(x.dtype)

    def _vectors(self, tokens: Tensor) -> Tensor:
        space = self.space
        match space:
            case Categorical():
                return self._looked_up(tokens, space.size)
            case Several():
                if self.table is None:
                    parts = zip(tokens.unbind(-1), space.sizes, strict=True)
                    return torch.cat([_one_hot(t, size) for t, size in parts], dim=-1)
                offsets: Tensor = self.get_buffer("offsets")
                vectors: Tensor = self.table(tokens + offsets)
                return vectors.flatten(-2)
            case MultiLabel() | Strokes():
                x = tokens.to(torch.get_default_dtype())
                if isinstance(space, MultiLabel) and space.silence:
                    x = torch.cat([x, 1 - x.amax(-1, keepdim=True)], dim=-1)
                return x if self.table is None else self.table(x)
            case _:
                assert_never(space)

    def _looked_up(self, tokens: Tensor, size: int) -> Tensor:
        if self.table is None:
            return _one_hot(tokens, size)
        vectors: Tensor = self.table(tokens)
        return vectors


class EncoderInput(TokenInput):
    """What an encoder reads at each step: the tokens, and the controls as they are."""

    def __init__(self, spec: TokenSpec, model: ModelConfig) -> None:
        super().__init__(spec.inputs, model.embedding)
        self.controls = TokenInput(spec.controls, None) if spec.controls is not None else None
        if self.controls is not None:
            self.width += self.controls.width

    def read(self, tokens: Tensor, controls: Tensor | None) -> Tensor:
        """Tokens (B, T, ...) and controls (B, T, ...) -> (B, T, E)."""
        x: Tensor = self(tokens)
        if self.controls is None:
            return x
        return torch.cat([x, self.controls(controls)], dim=-1)


class ControlInput(nn.Module):
    """What a decoder is told at each step: controls (B, T, ...) -> (B, T, E).

    As they are; or, with `units`, as a bidirectional LSTM reads each of `segments` stretches of
    them, with all of its slots (the control preprocessing of Magenta.js).
    """

    def __init__(self, space: Categorical | MultiLabel, units: int | None, segments: int) -> None:
        super().__init__()
        self.plain, self.segments = TokenInput(space, None), segments
        width = self.plain.width
        self.lstm = None if units is None else BidirectionalLSTM(width, (units,))
        self.width = width if units is None else 2 * units

    def forward(self, controls: Tensor) -> Tensor:
        x: Tensor = self.plain(controls)
        if self.lstm is None:
            return x
        read, _ = self.lstm(x.unflatten(1, (self.segments, -1)).flatten(0, 1))
        told: Tensor = read.reshape(*x.shape[:2], -1)
        return told


def _plain_width(space: Categorical | MultiLabel | Strokes) -> int:
    match space:
        case Categorical():
            return space.size
        case MultiLabel():
            return space.size + space.silence
        case Strokes():
            return 3 * space.drums


def _table(space: Space, columns: int, embedding: int) -> nn.Module:
    if isinstance(space, Categorical | Several):
        return nn.Embedding(columns, embedding)
    return nn.Linear(columns, embedding, bias=False)


def _one_hot(tokens: Tensor, size: int) -> Tensor:
    zeros = torch.zeros(*tokens.shape, size, device=tokens.device)
    return zeros.scatter_(-1, tokens[..., None], 1.0)
