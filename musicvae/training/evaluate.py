"""What a model reaches on a split: the figures of Roberts et al. 2018, table 1, and those by which
sequence VAEs are compared (He et al. 2019, whose names `figures` explains).

"Teacher-forced" is the accuracy of the likeliest token given the true ones before it; "sampled"
that of free-running decoding. Both take z from the posterior, "sampled" at temperature 1, as the
paper does; "greedy" takes the posterior mean and temperature 0, as a reconstruction does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from musicvae.latent.aggregate import mutual_information
from musicvae.metrics import active_units, nats_to_bits
from musicvae.models.vae import Reconstruction, SequenceVAE
from musicvae.representations.base import Representation
from musicvae.training.dataset import Batch, Dataset
from musicvae.training.figures import elbo_figures, importance_figures, information_figures
from musicvae.training.likelihood import importance_weighted
from musicvae.training.transcripts import transcript_bleu, transcripts

Progress = Callable[[int, int], None]
WAYS = ("teacher", "sampled", "greedy")


@torch.inference_mode()
def evaluate(
    model: SequenceVAE,
    data: Dataset,
    *,
    seed: int = 0,
    batch_size: int = 256,
    importance: int = 0,
    prior_share: float = 0.0,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Figures over all of `data`, in a flat dict of numbers.

    Accuracies are over all steps; `*_onsets` only over those at which the representation says
    that an event begins, since rests and held notes flatter the first. Of several streams they are
    the mean, and each stream's own is `teacher_melody` and so on. `kl_bits` and `nll_bits`
    are per sequence; `bits_per_onset` is both together shared among the onsets.

    `bleu_greedy` compares what comes back, word by word, as `greedy` does step by step; in
    `bleu_drawn` z is drawn from the posterior instead and decoded at temperature 0, as in the
    literature on text. Neither is there of tokens that are no whole numbers.

    With `importance` samples of z for each example also importance-weighted likelihoods, which
    cost as many passes through the decoder; `prior_share` as in `importance_weighted`. `progress`
    is told of the examples done, for these from the start once more.
    """
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    found, done = _Found(), 0
    for stored, batch in data.batches(batch_size):
        batch = batch.to(device)
        onsets = torch.from_numpy(data.representation.onsets(stored)).to(device)
        decoded = _decode(model, batch, generator)
        found.sums(model, batch, onsets[:, : batch.tokens.shape[1]], decoded)
        found.keep(decoded)
        found.transcribe(data.representation, model, batch, decoded)
        done += len(stored)
        if progress is not None:
            progress(done, len(data))
    figures = _figures(found, data.representation, seed)
    if importance:
        weighted = importance_weighted(
            model, data, importance, seed=seed, prior_share=prior_share, progress=progress
        )
        figures |= importance_figures(weighted, seed)
    return figures


@dataclass(frozen=True, eq=False)
class _Decoded:
    """A batch under teacher forcing, the z drawn from its posterior, and tokens written freely:
    from z at temperature 1, from the posterior mean at 0, from z at 0."""

    forced: Reconstruction
    z: Tensor
    room: Tensor
    sampled: Tensor
    greedy: Tensor
    drawn: Tensor


def _decode(model: SequenceVAE, batch: Batch, generator: torch.Generator) -> _Decoded:
    """What ends by a token of its own is given all the room there is."""
    tokens, lengths, controls = batch.tokens, batch.lengths, batch.controls
    forced = model(tokens, lengths, inputs=batch.inputs, controls=controls, generator=generator)
    mean, z = forced.posterior.mean, forced.posterior.sample(generator)
    spec = model.spec
    room = lengths if spec.end is None else torch.full_like(lengths, spec.segment_length)
    return _Decoded(
        forced,
        z,
        room,
        model.decode(z, room, 1.0, generator, controls),
        model.decode(mean, room, 0.0, None, controls),
        model.decode(z, room, 0.0, None, controls),
    )


@dataclass(eq=False)
class _Found:
    """What batches add up to: sums, columns of what is kept of each example, lines of words."""

    totals: dict[str, np.ndarray] = field(default_factory=dict)
    columns: dict[str, list[np.ndarray]] = field(default_factory=dict)
    lines: dict[str, list[str]] = field(default_factory=dict)

    def sums(self, model: SequenceVAE, batch: Batch, onsets: Tensor, decoded: _Decoded) -> None:
        """Right steps of each stream (C,), and what they are a share of."""
        tokens, forced, matches = batch.tokens, decoded.forced, model.decoder.matches
        right = {"teacher": forced.correct}
        for name in ("sampled", "greedy"):
            freely: Tensor = getattr(decoded, name)
            there = model.layout(model.written(freely, decoded.room)).mask
            same = matches(freely[:, : tokens.shape[1]], tokens)
            right[name] = same & there[:, : tokens.shape[1], None]  # what was not written is wrong
        steps, onsets = forced.mask, forced.mask & onsets
        sums = {"steps": steps.sum(), "onsets": onsets.sum()}
        sums |= {name: hit[steps].sum(0) for name, hit in right.items()}
        sums |= {f"{name}_onsets": hit[onsets].sum(0) for name, hit in right.items()}
        for name, value in sums.items():
            self.totals[name] = self.totals.get(name, 0.0) + value.double().cpu().numpy()

    def keep(self, decoded: _Decoded) -> None:
        """Of each example its cost and KL in nats, its steps, its posterior and a z from that."""
        forced = decoded.forced
        kept = {
            "nll": forced.nll.double().sum(1),
            "kl": forced.kl.double().sum(1),
            "steps": forced.mask.sum(1),
            "mean": forced.posterior.mean,
            "std": forced.posterior.std,
            "z": decoded.z,
        }
        for name, value in kept.items():
            self.columns.setdefault(name, []).append(value.cpu().numpy())

    def transcribe(
        self,
        representation: Representation[Any],
        model: SequenceVAE,
        batch: Batch,
        decoded: _Decoded,
    ) -> None:
        """What was written, and what should have been, as lines of words."""
        if batch.tokens.is_floating_point():
            return
        written = {
            "true": (batch.tokens, batch.lengths),
            "greedy": (decoded.greedy, model.written(decoded.greedy, decoded.room)),
            "drawn": (decoded.drawn, model.written(decoded.drawn, decoded.room)),
        }
        for name, (tokens, lengths) in written.items():
            lines = transcripts(representation, tokens.cpu().numpy(), lengths.cpu().numpy())
            self.lines.setdefault(name, []).extend(lines)


def _figures(found: _Found, representation: Representation[Any], seed: int) -> dict[str, Any]:
    columns = {name: np.concatenate(parts) for name, parts in found.columns.items()}
    nll, kl, steps = (columns[name] for name in ("nll", "kl", "steps"))
    posterior = (torch.from_numpy(columns[name]) for name in ("mean", "std", "z"))
    onsets = max(1.0, float(found.totals["onsets"]))
    return {
        **_accuracies(found.totals, getattr(representation, "part_names", None)),
        **elbo_figures(nll, kl, steps, seed),
        "nll_bits": round(nats_to_bits(float(nll.mean())), 4),
        "bits_per_onset": round(nats_to_bits(float((kl + nll).sum())) / onsets, 3),
        "active_units": active_units(columns["mean"]),
        **information_figures(mutual_information(*posterior), len(nll), int(steps.sum())),
        **{
            f"bleu_{name}": round(transcript_bleu(representation, lines, found.lines["true"]), 2)
            for name, lines in found.lines.items()
            if name != "true"
        },
        "steps": int(steps.sum()),
        "examples": len(nll),
        "seed": seed,
    }


def _accuracies(t: dict[str, np.ndarray], streams: Sequence[str] | None) -> dict[str, float]:
    shares = {
        f"{name}{part}": t[f"{name}{part}"] / max(1.0, t[part.removeprefix("_") or "steps"])
        for name in WAYS
        for part in ("", "_onsets")
    }
    figures = {name: round(float(share.mean()), 4) for name, share in shares.items()}
    for i, stream in enumerate(streams or ()):
        figures |= {f"{name}_{stream}": round(float(shares[name][i]), 4) for name in WAYS}
    return figures
