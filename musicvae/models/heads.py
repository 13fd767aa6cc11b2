"""From a decoder's output to a distribution over a step's token; which one follows from the space.

Every head gives logits (..., K), and from these the negative log likelihood of tokens in nats, the
likeliest tokens, and draws at a temperature, where 0 takes the likeliest.

Letters: B batch, T steps, F features, K logits, D labels or drums, H hidden units.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import assert_never

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from musicvae.representations.base import Categorical, MultiLabel, Several, Space, Strokes

GROOVE_EPSILON = 1e-7  # inside the logarithm of a hit's probability, as published
NADE_EPSILON = 1e-6  # likewise


class Head(nn.Module, ABC):
    """What a decoder asks of a head: a linear layer to K logits, and what these mean."""

    def __init__(self, features: int, width: int) -> None:
        super().__init__()
        self.width = width  # K
        self.project = nn.Linear(features, width)
        nn.init.xavier_uniform_(self.project.weight)
        nn.init.zeros_(self.project.bias)

    def forward(self, x: Tensor) -> Tensor:
        """(..., F) -> logits (..., K)."""
        logits: Tensor = self.project(x)
        return logits

    @abstractmethod
    def nll(self, logits: Tensor, tokens: Tensor) -> Tensor:
        """Logits (B, T, K), tokens (B, T, ...) -> (B, T) nats."""

    @abstractmethod
    def draw(self, logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
        """Logits (..., K) -> tokens."""

    @abstractmethod
    def matches(self, tokens: Tensor, others: Tensor) -> Tensor:
        """Tokens (B, T, ...), twice -> (B, T, C): where each of C streams is the same."""


class CategoricalHead(Head):
    """One class of K at each step."""

    def __init__(self, features: int, space: Categorical) -> None:
        super().__init__(features, space.size)

    def nll(self, logits: Tensor, tokens: Tensor) -> Tensor:
        return _class_nll(logits, tokens)

    def draw(self, logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
        return _draw_class(logits, temperature, generator)

    def matches(self, tokens: Tensor, others: Tensor) -> Tensor:
        return (tokens == others)[..., None]


class SeveralHead(Head):
    """One class in each of several streams, independent of one another given the features."""

    def __init__(self, features: int, space: Several) -> None:
        super().__init__(features, sum(space.sizes))
        self.sizes = space.sizes

    def nll(self, logits: Tensor, tokens: Tensor) -> Tensor:
        parts = zip(logits.split(self.sizes, -1), tokens.unbind(-1), strict=True)
        return torch.stack([_class_nll(part, own) for part, own in parts]).sum(0)

    def draw(self, logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
        parts = logits.split(self.sizes, -1)
        return torch.stack([_draw_class(p, temperature, generator) for p in parts], dim=-1)

    def matches(self, tokens: Tensor, others: Tensor) -> Tensor:
        return tokens == others


class NadeHead(Head):
    """Any of D labels together, each given those before it (RNN-NADE, Boulanger-Lewandowski et al.
    2012): the decoder's output gives the biases of a small network over the labels (Larochelle &
    Murray 2011), `hidden` first, then one for each label."""

    def __init__(self, features: int, space: MultiLabel, hidden: int) -> None:
        super().__init__(features, hidden + space.size)
        self.hidden, self.labels = hidden, space.size
        spread = space.size**-0.5
        self.encode = nn.Parameter(torch.empty(space.size, hidden))
        self.decode = nn.Parameter(torch.empty(space.size, hidden))
        for weight in (self.encode, self.decode):
            nn.init.trunc_normal_(weight, std=spread, a=-2 * spread, b=2 * spread)

    def nll(self, logits: Tensor, tokens: Tensor) -> Tensor:
        biases, ground = logits.float().split((self.hidden, self.labels), -1)
        said = tokens.float()[..., None] * self.encode  # (B, T, D, H)
        before = said.cumsum(-2) - said
        hidden = torch.sigmoid(biases[..., None, :] + before)
        p = torch.sigmoid(ground + (hidden * self.decode).sum(-1))
        right = torch.where(tokens > 0, p, 1 - p)
        return -torch.log(NADE_EPSILON + right).sum(-1)

    def draw(self, logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
        a, ground = logits.float().split((self.hidden, self.labels), -1)
        labels = []
        for i in range(self.labels):
            logit = ground[..., i] + (torch.sigmoid(a) * self.decode[i]).sum(-1)
            labels.append(_draw_bit(logit, temperature, generator))
            a = a + labels[-1][..., None] * self.encode[i]
        return torch.stack(labels, dim=-1).long()

    def matches(self, tokens: Tensor, others: Tensor) -> Tensor:
        return (tokens == others).all(-1, keepdim=True)


class StrokesHead(Head):
    """Hits, velocities and offsets of D drums (Gillick et al. 2019, section 4).

    A hit costs its cross entropy, velocity and offset their squared errors, all alike and also
    where nothing is hit. Only hits are drawn by chance.
    """

    def __init__(self, features: int, space: Strokes) -> None:
        super().__init__(features, 3 * space.drums)
        self.drums = space.drums

    def nll(self, logits: Tensor, tokens: Tensor) -> Tensor:
        hit, velocity, offset = logits.float().chunk(3, -1)
        true_hit, true_velocity, true_offset = tokens.chunk(3, -1)
        p = torch.sigmoid(hit)
        cost = -true_hit * torch.log(p + GROOVE_EPSILON)
        cost = cost - (1 - true_hit) * torch.log(1 - p + GROOVE_EPSILON)
        cost = cost + (torch.sigmoid(velocity) - true_velocity).square()
        cost = cost + (torch.tanh(offset) - true_offset).square()
        return cost.sum(-1)

    def draw(self, logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
        hit, velocity, offset = logits.float().chunk(3, -1)
        hits = _draw_bit(hit, temperature, generator)
        return torch.cat([hits, torch.sigmoid(velocity), torch.tanh(offset)], dim=-1)

    def matches(self, tokens: Tensor, others: Tensor) -> Tensor:
        same = tokens[..., : self.drums] == others[..., : self.drums]
        return same.all(-1, keepdim=True)


def head_for(space: Space, features: int, nade: int) -> Head:
    """The head that a space calls for."""
    match space:
        case Categorical():
            return CategoricalHead(features, space)
        case Several():
            return SeveralHead(features, space)
        case MultiLabel():
            return NadeHead(features, space, nade)
        case Strokes():
            return StrokesHead(features, space)
        case _:
            assert_never(space)


def _class_nll(logits: Tensor, tokens: Tensor) -> Tensor:
    """Logits (B, T, K), tokens (B, T) -> (B, T) nats. With the classes last in memory, where they
    are, this takes a third of the time that it takes with (B, K, T)."""
    costs = F.cross_entropy(logits.flatten(0, -2).float(), tokens.flatten(), reduction="none")
    return costs.view(tokens.shape)


def _draw_class(logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    """Logits (..., K) -> classes (...) drawn from softmax(logits / temperature)."""
    if temperature == 0:
        return logits.argmax(-1)
    probabilities = (logits.float() / temperature).softmax(-1)
    drawn = torch.multinomial(probabilities.flatten(0, -2), 1, generator=generator)
    return drawn.view(logits.shape[:-1])


def _draw_bit(logits: Tensor, temperature: float, generator: torch.Generator | None) -> Tensor:
    """Logits -> 0.0 or 1.0, with probability sigmoid(logits / temperature) of 1."""
    if temperature == 0:
        return (logits > 0).to(logits.dtype)
    chance = torch.rand(logits.shape, generator=generator, device=logits.device)
    return (chance < torch.sigmoid(logits / temperature)).to(logits.dtype)
