"""One LSTM that writes tokens: what it reads of the token before, its starting state, its head."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from musicvae.config import ModelConfig
from musicvae.models.heads import head_for
from musicvae.models.inputs import TokenInput
from musicvae.models.lstm import InitialState, LSTMStack
from musicvae.models.views import View
from musicvae.representations.base import Space


class Writer(nn.Module):
    """Writes a whole token, or one of its streams. `beside` is the width of what each step reads
    with the token before it."""

    def __init__(self, space: Space, beside: int, view: View, model: ModelConfig) -> None:
        super().__init__()
        units = model.decoder.units
        self.to_output = view.to_output
        self.drop = nn.Dropout(model.writer_dropout)
        self.tokens = TokenInput(space, model.embedding)
        self.initial = InitialState(view.start_width, units)
        self.lstm = LSTMStack(self.tokens.width + beside, units, model.dropout)
        features = units[-1] + (view.width if view.to_output else 0)
        self.head = head_for(space, features, model.nade)

    def told(self, before: Tensor, there: Tensor) -> Tensor:
        """The tokens before each step (B, T, ...), where they are `there` -> (B, T, E)."""
        vectors: Tensor = self.drop(self.tokens(before, there))
        return vectors

    def logits(self, h: Tensor, seen: Tensor) -> Tensor:
        """The LSTM's output and the view of z (..., H), (..., V) -> logits (..., K)."""
        h = self.drop(h)
        logits: Tensor = self.head(torch.cat([h, seen], dim=-1) if self.to_output else h)
        return logits
