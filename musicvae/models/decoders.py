"""From z back to tokens, one step after another.

A decoder is a *view* of z and one or several LSTMs that write. The view says what each step sees of
z and in which state each stretch begins; the writers are the same everywhere. A flat decoder writes
one stretch of all T steps; a hierarchical one writes S segments, each from a fresh state, so that
under teacher forcing they are rows of one batch (they are independent given the view). The token
before a bar's first step is the last one of the bar before it.

Letters: B batch, S segments, L slots a segment, T = S * L, V features of a view, K logits,
E numbers of a control.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from musicvae.config import ModelConfig
from musicvae.models.inputs import ControlInput
from musicvae.models.layout import Layout
from musicvae.models.lstm import State
from musicvae.models.views import build_view
from musicvae.models.writer import Writer
from musicvae.representations.base import Categorical, Several, Space, TokenSpec

_Choice = Callable[[int, Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class _Seen:
    """What a decoder sees beside its own tokens: `features` of z (B, T or 1, V), what the starting
    states are made of, and the controls (B, T, E) where there are any."""

    features: Tensor
    start: Tensor
    controls: Tensor | None

    def views(self, steps: int) -> Tensor:
        """The features of each of the first `steps` steps (B, T, V)."""
        return self.features[:, :steps].expand(-1, steps, -1)

    def beside(self, x: Tensor) -> list[Tensor]:
        """Tokens as vectors (B, T, ...) and what goes with them at each step, in that order."""
        seen = [x, self.views(x.shape[1])]
        return seen if self.controls is None else [*seen, self.controls]


class Decoder(nn.Module):
    """p(x | z), autoregressive: every step reads the token before it and its own view of z."""

    def __init__(self, spec: TokenSpec, model: ModelConfig) -> None:
        super().__init__()
        self.length, self.segments, self.end = spec.length, spec.segments, spec.end
        self.outputs, self.separate = spec.outputs, model.decoder.separate
        self.view = build_view(spec, model)
        stretches = spec.segments if self.view.per_segment else 1
        self.controls = (
            None
            if spec.controls is None
            else ControlInput(spec.controls, model.control_units, stretches)
        )
        beside = self.view.width + (self.controls.width if self.controls is not None else 0)
        self.writers = nn.ModuleList(
            Writer(space, beside, self.view, model) for space in _streams(spec, model)
        )
        self.widths = [writer.head.width for writer in self._writers]

    def forward(
        self,
        z: Tensor,
        tokens: Tensor,
        layout: Layout,
        keep: Tensor | None = None,
        controls: Tensor | None = None,
    ) -> Tensor:
        """Teacher forcing: z (B, Z), tokens (B, T, ...) -> logits (B, T, K).

        `keep` (B, T) is False where the token before a step is hidden from the decoder.
        """
        before, there = layout.previous(tokens, linked=self.end is None)
        there = there & self.view.feedback
        if keep is not None:
            there = there & keep
        seen = self._see(z, controls)
        parts = zip(self._writers, self._split(before), strict=True)
        return torch.cat([self._write(w, own, there, seen, layout) for w, own in parts], dim=-1)

    def _see(self, z: Tensor, controls: Tensor | None) -> _Seen:
        told = None if self.controls is None else self.controls(controls)
        features, start = self.view(z)
        return _Seen(features, start, told)

    def _write(
        self, writer: Writer, before: Tensor, there: Tensor, seen: _Seen, layout: Layout
    ) -> Tensor:
        x = torch.cat(seen.beside(writer.told(before, there)), dim=-1)
        state = writer.initial(seen.start)
        if self.view.per_segment:
            h = writer.lstm(x.unflatten(1, (self.segments, -1)).flatten(0, 1), state)
            h = h.reshape(*x.shape[:2], -1)
        else:
            h = layout.spread(writer.lstm(layout.compact(x), state))
        return writer.logits(h, seen.views(x.shape[1]))

    def nll(self, logits: Tensor, tokens: Tensor) -> Tensor:
        """Logits (B, T, K), tokens (B, T, ...) -> negative log likelihood (B, T) in nats."""
        costs = [
            writer.head.nll(part, own)
            for writer, part, own in zip(
                self._writers, logits.split(self.widths, -1), self._split(tokens), strict=True
            )
        ]
        return costs[0] if len(costs) == 1 else torch.stack(costs).sum(0)

    def draw(
        self, logits: Tensor, temperature: float, generator: torch.Generator | None = None
    ) -> Tensor:
        """Logits (..., K) -> tokens, drawn at a temperature; 0 takes the likeliest."""
        parts = zip(self._writers, logits.split(self.widths, -1), strict=True)
        return self._join([w.head.draw(part, temperature, generator) for w, part in parts])

    def matches(self, tokens: Tensor, others: Tensor) -> Tensor:
        """Tokens (B, T, ...), twice -> (B, T, C): where each of C streams is the same."""
        parts = zip(self._writers, self._split(tokens), self._split(others), strict=True)
        return torch.cat([w.head.matches(a, b) for w, a, b in parts], dim=-1)

    def sample(
        self,
        z: Tensor,
        layout: Layout,
        temperature: float = 1.0,
        generator: torch.Generator | None = None,
        controls: Tensor | None = None,
    ) -> Tensor:
        """z (B, Z) -> tokens (B, T, ...), each step fed with the token drawn before it.

        With an end token a segment is over once that is drawn.
        """

        def draw(step: int, logits: Tensor) -> Tensor:
            return self.draw(logits, temperature, generator)

        tokens, _ = self._walk(z, layout, draw, controls=controls, end=self.end)
        return tokens

    def scheduled(
        self,
        z: Tensor,
        tokens: Tensor,
        layout: Layout,
        probability: float,
        generator: torch.Generator | None = None,
        keep: Tensor | None = None,
        controls: Tensor | None = None,
    ) -> Tensor:
        """Scheduled sampling: logits (B, T, K) when each step is fed, with `probability`, a draw
        from the step before in place of the true token (Bengio et al. 2015).

        One coin an example and step; the draw is at temperature 1 and passes no gradient. `keep`
        hides tokens as in `forward`.
        """

        def coin(step: int, logits: Tensor) -> Tensor:
            drawn = self.draw(logits.detach(), 1.0, generator)
            toss = torch.rand(len(z), generator=generator, device=z.device) < probability
            return torch.where(_beside(toss, drawn), drawn, tokens[:, step])

        _, logits = self._walk(z, layout, coin, keep, controls)
        return logits

    def _walk(
        self,
        z: Tensor,
        layout: Layout,
        choose: _Choice,
        keep: Tensor | None = None,
        controls: Tensor | None = None,
        end: int | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Step by step; `choose(step, logits (B, K))` gives the token to go on with.

        Slots without music hold token 0 and leave state and token before as they were.
        """
        seen, slots = self._see(z, controls), layout.mask.shape[1]
        views = seen.views(slots).unbind(1)  # indexing costs a copy a step
        told = None if seen.controls is None else seen.controls.unbind(1)
        starts = [self._starts(writer, seen, len(z)) for writer in self._writers]
        L = slots // len(starts[0])
        before = self._nothing(z)
        there = torch.zeros(len(z), dtype=torch.bool, device=z.device)
        states = [start[0] for start in starts]
        tokens, logits = [], []
        for step in range(slots):
            if step % L == 0:
                states = [start[step // L] for start in starts]
            if step % (slots // self.segments) == 0:
                writing = torch.ones_like(there)
            known = there & self.view.feedback
            known = known if keep is None else known & keep[:, step]
            beside = [views[step]] if told is None else [views[step], told[step]]
            here, after = [], []
            for writer, own, state in zip(self._writers, self._split(before), states, strict=True):
                h, state = writer.lstm.step(
                    torch.cat([writer.told(own, known), *beside], dim=-1), state
                )
                here.append(writer.logits(h, views[step]))
                after.append(state)
            logits.append(here[0] if len(here) == 1 else torch.cat(here, dim=-1))
            token = choose(step, logits[-1])
            if layout.full and end is None:
                before, states, there = token, after, torch.ones_like(there)
            else:
                valid = layout.mask[:, step] & writing
                before = torch.where(_beside(valid, token), token, before)
                states = [_where(valid, *pair) for pair in zip(after, states, strict=True)]
                token = torch.where(_beside(valid, token), token, 0)
                there = valid if self.end is not None else there | valid
                if end is not None:
                    writing = writing & (token != end)
            tokens.append(token)
        return torch.stack(tokens, dim=1), torch.stack(logits, dim=1)

    def _starts(self, writer: Writer, seen: _Seen, batch: int) -> list[State]:
        """The state in which each stretch begins, of (B, H) tensors."""
        state = writer.initial(seen.start)
        return _by_segment(state, batch) if self.view.per_segment else [state]

    def _nothing(self, z: Tensor) -> Tensor:
        """A step's token before the first one: zeros."""
        kind = torch.float32 if self.outputs.dtype.kind == "f" else torch.int64
        return torch.zeros(len(z), *self.outputs.shape, dtype=kind, device=z.device)

    @property
    def _writers(self) -> Sequence[Writer]:
        return list(self.writers)  # type: ignore[arg-type]

    def _split(self, tokens: Tensor) -> Sequence[Tensor]:
        """The streams of tokens, one for each writer."""
        return tokens.unbind(-1) if self.separate else [tokens]

    def _join(self, streams: list[Tensor]) -> Tensor:
        return torch.stack(streams, dim=-1) if self.separate else streams[0]


def _streams(spec: TokenSpec, model: ModelConfig) -> Sequence[Space]:
    if not model.decoder.separate:
        return [spec.outputs]
    if not isinstance(spec.outputs, Several):
        raise ValueError(f"separate decoders are for several streams, not for {spec.outputs}")
    return [Categorical(size) for size in spec.outputs.sizes]


def _by_segment(state: State, batch: int) -> list[State]:
    """A state of (B * S, H) tensors -> one state of (B, H) tensors for each segment."""
    split = [[s.unflatten(0, (batch, -1)).unbind(1) for s in layer] for layer in state]
    return [[(h[i], c[i]) for h, c in split] for i in range(len(split[0][0]))]


def _beside(mask: Tensor, tokens: Tensor) -> Tensor:
    """A mask (B,) that goes with tokens (B, ...)."""
    return mask.reshape(len(mask), *(1,) * (tokens.ndim - 1))


def _where(valid: Tensor, new: State, old: State) -> State:
    at = valid[:, None]
    return [
        (torch.where(at, h, h0), torch.where(at, c, c0))
        for (h, c), (h0, c0) in zip(new, old, strict=True)
    ]
