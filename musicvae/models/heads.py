"""From a decoder's output to a distribution over tokens; which one follows from the space.

Letters: B batch, T steps, F features, K classes.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musicvae.representations.base import Categorical, Space


class CategoricalHead(nn.Module):
    """One class of K at each step."""

    def __init__(self, features: int, space: Categorical) -> None:
        super().__init__()
        self.project = nn.Linear(features, space.size)
        nn.init.xavier_uniform_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., F) -> logits (..., K)."""
        logits: Tensor = self.project(x)
        return logits

    def nll(self, logits: Tensor, tokens: Tensor) -> Tensor:
        """Logits (B, T, K), tokens (B, T) -> negative log likelihood (B, T) in nats."""
        return F.cross_entropy(logits.transpose(1, 2).float(), tokens, reduction="none")

    def most_likely(self, logits: Tensor) -> Tensor:
        """Logits (..., K) -> tokens (...)."""
        return logits.argmax(-1)

    def draw(self, logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
        """Logits (B, K) -> tokens (B,), drawn from softmax(logits / temperature); 0 is argmax."""
        if temperature == 0:
            return self.most_likely(logits)
        probabilities = (logits.float() / temperature).softmax(-1)
        return torch.multinomial(probabilities, 1, generator=generator)[:, 0]


def head_for(space: Space, features: int) -> CategoricalHead:
    """The head that a space calls for."""
    return CategoricalHead(features, space)


class TokenInput(nn.Module):
    """Tokens (..., ) -> vectors (..., E); -1, "no token", becomes a vector of zeros.

    One-hot as published (E = classes), or a learned table of `embedding` numbers a class.
    """

    def __init__(self, space: Space, embedding: int | None) -> None:
        super().__init__()
        self.size = space.size
        self.width = embedding or space.size
        self.table = nn.Embedding(space.size, embedding) if embedding else None

    def forward(self, tokens: Tensor) -> Tensor:
        known, there = tokens.clamp(min=0)[..., None], (tokens >= 0)[..., None]
        if self.table is None:
            zeros = torch.zeros(*tokens.shape, self.size, device=tokens.device)
            return zeros.scatter_(-1, known, there.to(zeros.dtype))
        vectors: Tensor = self.table(known[..., 0]) * there
        return vectors
