"""How far an imported model is from what the reference computed with the same weights.

A recording holds what went into the reference and came out of it, by key: `in/`, `enc/`, `loss/`,
`logits/<call>`, `metric/`, `dec/`. One call of its decoder writes a flat sequence, or a segment, or
a segment of one stream; rows and calls may be fewer than there were.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from musicvae.losses import elbo, gaussian_kl
from musicvae.models.vae import SequenceVAE
from musicvae.representations.base import Categorical, MultiLabel, Several, Space, Strokes

# What is asked for: differences of logits are absolute, a step counts if its decision was not
# close, all others are relative.
LIMITS = {"mean": 1e-5, "sigma": 1e-5, "logits": 1e-4, "losses": 1e-5, "metrics": 1e-5, "greedy": 0}
CLOSE = 1e-4  # between the two best logits

Numbers = Mapping[str, np.ndarray]


class Recorded:
    """A model and a recording, compared."""

    def __init__(self, model: SequenceVAE, numbers: Numbers) -> None:
        self.model, self.spec, self.numbers = model, model.spec, numbers
        S, L = self.spec.segments, self.spec.segment_length
        lengths = self._tensor("in/sequence_length").long()
        if lengths.ndim == 1:
            lengths = (lengths[:, None] - L * torch.arange(S)).clamp(0, L)
        self.layout = model.layout(lengths)
        self.inputs = tokens_of(self.spec.inputs, self._tensor("in/input_sequence"))
        self.tokens = tokens_of(self.spec.outputs, self._tensor("in/output_sequence"))
        self.controls = None
        if self.spec.controls is not None:
            self.controls = tokens_of(self.spec.controls, self._tensor("in/control_sequence"))

    @torch.no_grad()
    def differences(self) -> dict[str, float]:
        """The worst of each quantity: see LIMITS."""
        model, layout = self.model, self.layout
        posterior = model.posterior(self.inputs, layout.lengths, self.controls)
        z = posterior.mean + posterior.std * self._tensor("in/eps")
        logits = model.decoder(z, self.tokens, layout, None, self.controls)
        nll = (model.decoder.nll(logits, self.tokens) * layout.mask).sum(1)
        kl = gaussian_kl(posterior.mean, posterior.std)
        beta, free = float(self.numbers["loss/beta"]), float(self.numbers["loss/free_bits"])
        terms = elbo(nll, kl, beta=beta, free_bits=free)
        mean = self._tensor("enc/mu")
        losses = {"r_loss": nll, "kl_div": kl.sum(1), "loss": terms.loss}
        return {
            "mean": _apart(posterior.mean, mean) / float(mean.abs().max()),
            "sigma": _relative(posterior.std, self._tensor("enc/sigma")),
            "logits": self._logits_apart(logits, "logits/", layout.mask),
            "losses": max(_relative(v, self._tensor(f"loss/{k}")) for k, v in losses.items()),
            "metrics": self._metrics_apart(logits),
            "greedy": self._greedy_apart(),
        }

    def _logits_apart(self, logits: Tensor, prefix: str, mask: Tensor) -> float:
        streams = logits.split(self.model.decoder.widths, -1)
        L = self.spec.segment_length if self.model.decoder.view.per_segment else self.spec.length
        worst = 0.0
        for key in (k for k in self.numbers if k.startswith(prefix)):
            call, theirs = int(key.removeprefix(prefix)), self._tensor(key)
            rows, steps = theirs.shape[:2]
            start = call // len(streams) * L
            here = slice(0, rows), slice(start, start + steps)
            apart = (streams[call % len(streams)][here] - theirs).abs()
            worst = max(worst, float((apart * mask[here][..., None]).max()))
        return worst

    def _greedy_apart(self) -> int:
        """Steps that are written otherwise, although their decision was not close.

        The reference writes on behind an end token; and its controls are zeros, not the class of no
        chord, in tracks that it does not know to be empty.
        """
        model, z = copy.deepcopy(self.model), self._tensor("dec/z")
        model.decoder.end = None
        lengths = torch.full((len(z), self.spec.segments), self.spec.segment_length)
        controls = None
        if self.spec.controls is not None:
            told = self._tensor("dec/c_input").float()
            controls = tokens_of(self.spec.controls, told)
            controls = controls.expand(len(z), *controls.shape)
            model.decoder.controls.forward = lambda _: told.expand(len(z), -1, -1)
        tokens = model.decode(z, lengths, 0.0, controls=controls)
        theirs = tokens_of(self.spec.outputs, self._tensor("dec/samples"))
        if isinstance(self.spec.outputs, Strokes):
            return int(((tokens - theirs).abs() > CLOSE).any(-1).sum())
        logits = model.decoder(z, theirs, model.layout(lengths), None, controls)
        return int((self._wrong(tokens, theirs) & ~self._close(logits)).sum())

    def _wrong(self, tokens: Tensor, theirs: Tensor) -> Tensor:
        wrong = tokens != theirs
        return wrong.any(-1) if wrong.ndim == 3 else wrong

    def _close(self, logits: Tensor) -> Tensor:
        """Where a stream's two best classes are next to equal (B, T). Labels never count as so."""
        if isinstance(self.spec.outputs, MultiLabel):
            return torch.zeros(logits.shape[:2], dtype=torch.bool)
        sizes = getattr(self.spec.outputs, "sizes", (logits.shape[-1],))
        best = [part.topk(2, -1).values for part in logits.split(sizes, -1)]
        return torch.stack([pair[..., 0] - pair[..., 1] < CLOSE for pair in best]).any(0)

    def _metrics_apart(self, logits: Tensor) -> float:
        worst = 0.0
        ours = self._groove(logits) if isinstance(self.spec.outputs, Strokes) else None
        for key, theirs in self.numbers.items():
            if key.startswith("metric/"):
                name = key.removeprefix("metric/")
                mine = ours[name] if ours is not None else self._accuracy(name, logits)
                worst = max(worst, abs(mine - float(theirs)) / max(abs(float(theirs)), 1e-2))
        return worst

    def _groove(self, logits: Tensor) -> dict[str, float]:
        """The cost by its parts: a part that is already right costs nothing."""
        guessed = self.model.decoder.draw(logits, 0.0).chunk(3, -1)
        true = self.tokens.chunk(3, -1)
        costs = [
            float(self.model.decoder.nll(logits, torch.cat([*true[:n], *guessed[n:]], -1)).mean())
            for n in (1, 2, 3)
        ]
        parts = (costs[0], costs[1] - costs[0], costs[2] - costs[1])
        names = ("hits", "velocities", "offsets")
        return {f"metrics/{n}_loss": c for n, c in zip(names, parts, strict=True)}

    def _accuracy(self, name: str, logits: Tensor) -> float:
        """`metrics/accuracy`, of a class or step, of all or `segment/003/`, or of one stream.

        Of a hierarchical model the whole is the mean of the segments. Labels also have
        `metrics/precision` and `metrics/recall`, each given the true labels before it.
        """
        if name.endswith(("precision", "recall")):
            true, said = self.tokens[self.layout.mask], self._labels(logits)[self.layout.mask]
            return float((said & true).sum() / (said if "precision" in name else true).sum())
        counted = self._by_class if "mean_per_class" in name else self._by_step
        drawn, mask = self.model.decoder.draw(logits, 0.0), self.layout.mask
        table = (
            counted(drawn, mask)
            if not self._segments
            else torch.stack([counted(drawn, mask & at) for at in self._slots()])
        )  # (S, C), or (C,) of a flat model
        parts = name.split("/")
        if parts[0] == "segment":
            return float(table[int(parts[1])].mean())
        if parts[-1].startswith("output_"):
            stream = int(parts[-1].removeprefix("output_"))
            return float(table[..., stream].mean())
        return float(table.mean())

    def _labels(self, logits: Tensor) -> Tensor:
        head: Any = self.model.decoder.writers[0].head
        biases, ground = logits.split((head.hidden, head.labels), -1)
        told = self.tokens[..., None] * head.encode
        hidden = torch.sigmoid(biases[..., None, :] + told.cumsum(-2) - told)
        return (ground + (hidden * head.decode).sum(-1) >= 0).long()

    @property
    def _segments(self) -> bool:
        return self.model.decoder.view.per_segment

    def _slots(self) -> list[Tensor]:
        segment = torch.arange(self.spec.length) // self.spec.segment_length
        return [segment == i for i in range(self.spec.segments)]

    def _by_step(self, drawn: Tensor, mask: Tensor) -> Tensor:
        right = self.model.decoder.matches(drawn, self.tokens)
        return right[mask].double().mean(0)

    def _by_class(self, drawn: Tensor, mask: Tensor) -> Tensor:
        """The mean over all classes of how many of its steps are right, 0 where it has none."""
        sizes: Any = getattr(self.spec.outputs, "sizes", None)
        single = sizes is None
        shares = []
        for i, size in enumerate((self.spec.outputs.size,) if single else sizes):
            true = (self.tokens if single else self.tokens[..., i])[mask]
            right = true == (drawn if single else drawn[..., i])[mask]
            there = torch.bincount(true, minlength=size)
            hits = torch.bincount(true[right], minlength=size)
            shares.append((hits.double() / there.clamp(min=1)).mean())
        return torch.stack(shares)

    def _tensor(self, key: str) -> Tensor:
        return torch.from_numpy(np.asarray(self.numbers[key]))


def tokens_of(space: Space, rows: Tensor) -> Tensor:
    """Rows of numbers (B, T, D) -> the tokens that they stand for, zero where a row is empty."""
    match space:
        case Categorical():
            return rows.long().argmax(-1)
        case Several():
            return torch.stack([r.long().argmax(-1) for r in rows.split(space.sizes, -1)], -1)
        case MultiLabel():
            return rows[..., : space.size].long()
        case Strokes():
            return rows.float()


def _apart(ours: Tensor, theirs: Tensor) -> float:
    return float((ours - theirs).abs().max())


def _relative(ours: Tensor, theirs: Tensor) -> float:
    return float(((ours - theirs).abs() / theirs.abs()).max())
