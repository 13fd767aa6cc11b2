"""From z back to tokens, one step after another.

A decoder is a *view* of z and an LSTM that writes. The view says what each step sees of z and in
which state each stretch begins; the writer is the same everywhere. A flat decoder writes one
stretch of all T steps; a hierarchical one writes S bars, each from a fresh state, so that under
teacher forcing the bars are rows of one batch (they are independent given the view). The token
before a bar's first step is the last one of the bar before it.

Letters: B batch, S segments, L slots a segment, T = S * L, V features of a view, H units.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from musicvae.config import ModelConfig
from musicvae.models.heads import TokenInput, head_for
from musicvae.models.layout import Layout
from musicvae.models.lstm import LSTMStack, State
from musicvae.models.views import build_view
from musicvae.representations.base import TokenSpec

_Choice = Callable[[int, Tensor], Tensor]


class Decoder(nn.Module):
    """p(x | z), autoregressive: every step reads the token before it and its own view of z."""

    def __init__(self, spec: TokenSpec, model: ModelConfig) -> None:
        super().__init__()
        self.length, self.segments = spec.length, spec.segments
        self.view = build_view(spec, model)
        self.tokens = TokenInput(spec.outputs, model.embedding)
        units = model.decoder.units
        self.lstm = LSTMStack(self.tokens.width + self.view.width, units)
        self.skip = self.view.to_output
        self.head = head_for(spec.outputs, units[-1] + (self.view.width if self.skip else 0))

    def forward(
        self, z: Tensor, tokens: Tensor, layout: Layout, keep: Tensor | None = None
    ) -> Tensor:
        """Teacher forcing: z (B, Z), tokens (B, T) -> logits (B, T, K).

        `keep` (B, T) is False where the token before a step is hidden from the decoder.
        """
        before = layout.previous(tokens)
        if keep is not None:
            before = torch.where(keep, before, -1)
        return self._write(z, before, layout)

    def _write(self, z: Tensor, before: Tensor, layout: Layout) -> Tensor:
        seen, state = self.view(z)
        x = torch.cat([self.tokens(before), seen.expand(-1, before.shape[1], -1)], dim=-1)
        if self.view.per_segment:
            h = self.lstm(x.unflatten(1, (self.segments, -1)).flatten(0, 1), state)
            h = h.reshape(*x.shape[:2], -1)
        else:
            h = layout.spread(self.lstm(layout.compact(x), state))
        return self._logits(h, seen)

    def _logits(self, h: Tensor, seen: Tensor) -> Tensor:
        return self.head.forward(torch.cat([h, seen], dim=-1) if self.skip else h)

    def sample(
        self,
        z: Tensor,
        layout: Layout,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
    ) -> Tensor:
        """z (B, Z) -> tokens (B, T), each step fed with the token drawn before it."""

        def draw(step: int, logits: Tensor) -> Tensor:
            return self.head.draw(logits, temperature, generator)

        tokens, _ = self._walk(z, layout, draw)
        return tokens

    def scheduled(
        self,
        z: Tensor,
        tokens: Tensor,
        layout: Layout,
        probability: float,
        generator: torch.Generator | None = None,
        keep: Tensor | None = None,
    ) -> Tensor:
        """Scheduled sampling: logits (B, T, K) when each step is fed, with `probability`, a draw
        from the step before in place of the true token (Bengio et al. 2015).

        One coin an example and step; the draw is at temperature 1 and passes no gradient. `keep`
        hides tokens as in `forward`.
        """

        def coin(step: int, logits: Tensor) -> Tensor:
            drawn = self.head.draw(logits.detach(), 1.0, generator)
            toss = torch.rand(len(z), generator=generator, device=z.device)
            return torch.where(toss < probability, drawn, tokens[:, step])

        _, logits = self._walk(z, layout, coin, keep)
        return logits

    def _walk(
        self, z: Tensor, layout: Layout, choose: _Choice, keep: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Step by step; `choose(step, logits (B, K))` gives the token to go on with.

        Slots without music hold token 0 and leave state and token before as they were.
        """
        seen, state = self.view(z)
        views = seen.expand(-1, self.length, -1).unbind(1)  # indexing would cost a copy a step
        starts = _by_segment(state, len(z)) if self.view.per_segment else [state]
        L = self.length // len(starts)
        before = torch.full((len(z),), -1, device=z.device)
        tokens, logits = [], []
        for step in range(self.length):
            if step % L == 0:
                state = starts[step // L]
            told = before if keep is None else torch.where(keep[:, step], before, -1)
            x = torch.cat([self.tokens(told), views[step]], dim=-1)
            h, after = self.lstm.step(x, state)
            here = self._logits(h, views[step])
            token = choose(step, here)
            if layout.full:
                before, state = token, after
            else:
                valid = layout.mask[:, step]
                before = torch.where(valid, token, before)
                state = _where(valid, after, state)
                token = torch.where(valid, token, 0)
            tokens.append(token)
            logits.append(here)
        return torch.stack(tokens, dim=1), torch.stack(logits, dim=1)


def _by_segment(state: State, batch: int) -> list[State]:
    """A state of (B * S, H) tensors -> one state of (B, H) tensors for each segment."""
    split = [[s.unflatten(0, (batch, -1)).unbind(1) for s in layer] for layer in state]
    return [[(h[i], c[i]) for h, c in split] for i in range(len(split[0][0]))]


def _where(valid: Tensor, new: State, old: State) -> State:
    at = valid[:, None]
    return [
        (torch.where(at, h, h0), torch.where(at, c, c0))
        for (h, c), (h0, c0) in zip(new, old, strict=True)
    ]
