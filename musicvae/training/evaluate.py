"""What a model reaches on a split: the figures of Roberts et al. 2018, table 1, and some more.

"Teacher-forced" is the accuracy of the likeliest token given the true ones before it; "sampled"
that of free-running decoding. Both take z from the posterior, "sampled" at temperature 1, as the
paper does; "greedy" takes the posterior mean and temperature 0.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from musicvae.metrics import active_units, nats_to_bits
from musicvae.models.vae import SequenceVAE
from musicvae.training.dataset import Batch, Dataset

Progress = Callable[[int, int], None]


@torch.no_grad()
def evaluate(
    model: SequenceVAE,
    data: Dataset,
    *,
    seed: int = 0,
    batch_size: int = 256,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Figures over all of `data`.

    Accuracies are over all steps; `*_onsets` only over those at which the representation says
    that an event begins, since rests and held notes flatter the first. Of several streams they are
    the mean, and each stream's own is `teacher_melody` and so on. `kl_bits` and `nll_bits`
    are per sequence; `bits_per_onset` is both together shared among the onsets.
    """
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    totals: dict[str, np.ndarray] = {}
    means: list[Tensor] = []
    done = 0
    for stored, batch in data.batches(batch_size):
        onsets = torch.from_numpy(data.representation.onsets(stored)).to(device)
        sums, mean = _evaluate_batch(model, batch.to(device), onsets, generator)
        means.append(mean.cpu())
        for name, value in sums.items():
            totals[name] = totals.get(name, 0.0) + value
        done += len(stored)
        if progress is not None:
            progress(done, len(data))
    streams = getattr(data.representation, "part_names", None)
    return _figures(totals, active_units(torch.cat(means).numpy()), len(data), seed, streams)


def _evaluate_batch(
    model: SequenceVAE, batch: Batch, onsets: Tensor, generator: torch.Generator
) -> tuple[dict[str, np.ndarray], Tensor]:
    """Sums over a batch, of each stream (C,) where they are of tokens, and the posterior means."""
    tokens, lengths, controls = batch.tokens, batch.lengths, batch.controls
    result = model(tokens, lengths, inputs=batch.inputs, controls=controls, generator=generator)
    z, mean = result.posterior.sample(generator), result.posterior.mean
    matches = model.decoder.matches
    right = {
        "teacher": result.correct,
        "sampled": matches(model.decode(z, lengths, 1.0, generator, controls), tokens),
        "greedy": matches(model.decode(mean, lengths, 0.0, None, controls), tokens),
    }
    steps, onsets = result.mask, result.mask & onsets
    sums = {"steps": steps.sum(), "onsets": onsets.sum()}
    sums |= {name: hit[steps].sum(0) for name, hit in right.items()}
    sums |= {f"{name}_onsets": hit[onsets].sum(0) for name, hit in right.items()}
    sums |= {"nll": result.nll.sum(), "kl": result.kl.sum()}
    return {name: value.double().cpu().numpy() for name, value in sums.items()}, mean


def _figures(
    t: dict[str, np.ndarray], active: int, count: int, seed: int, streams: Sequence[str] | None
) -> dict[str, Any]:
    shares = {
        f"{name}{part}": t[f"{name}{part}"] / max(1.0, t[part.removeprefix("_") or "steps"])
        for name in ("teacher", "sampled", "greedy")
        for part in ("", "_onsets")
    }
    figures = {name: round(float(share.mean()), 4) for name, share in shares.items()}
    for i, stream in enumerate(streams or ()):
        for name in ("teacher", "sampled", "greedy"):
            figures[f"{name}_{stream}"] = round(float(shares[name][i]), 4)
    kl, nll = (nats_to_bits(float(t[name]) / count) for name in ("kl", "nll"))
    return {
        **figures,
        "kl_bits": round(kl, 2),
        "nll_bits": round(nll, 2),
        "bits_per_onset": round((kl + nll) * count / max(1.0, float(t["onsets"])), 3),
        "active_units": active,
        "examples": count,
        "seed": seed,
    }
