"""What a model reaches on a split: the figures of Roberts et al. 2018, table 1, and some more.

"Teacher-forced" is the accuracy of the likeliest token given the true ones before it; "sampled"
that of free-running decoding. Both take z from the posterior, "sampled" at temperature 1, as the
paper does; "greedy" takes the posterior mean and temperature 0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from musicvae.metrics import active_units, nats_to_bits
from musicvae.models.vae import SequenceVAE
from musicvae.training.dataset import Dataset, to_tensors

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
    that an event begins, since rests and held notes flatter the first. `kl_bits` and `nll_bits`
    are per sequence; `bits_per_onset` is both together shared among the onsets.
    """
    device = next(model.parameters()).device
    generator = torch.Generator(device).manual_seed(seed)
    totals: dict[str, float] = {}
    means: list[Tensor] = []
    for start in range(0, len(data), batch_size):
        index = np.arange(start, min(start + batch_size, len(data)))
        stored, lengths = data.take(index)
        onsets = torch.from_numpy(data.representation.onsets(stored)).to(device)
        tokens, counts = (t.to(device) for t in to_tensors(stored, lengths))
        batch, mean = _evaluate_batch(model, tokens, counts, onsets, generator)
        means.append(mean.cpu())
        for name, value in batch.items():
            totals[name] = totals.get(name, 0.0) + value
        if progress is not None:
            progress(int(index[-1]) + 1, len(data))
    return _figures(totals, active_units(torch.cat(means).numpy()), len(data), seed)


def _evaluate_batch(
    model: SequenceVAE, tokens: Tensor, lengths: Tensor, onsets: Tensor, generator: torch.Generator
) -> tuple[dict[str, float], Tensor]:
    result = model(tokens, lengths, generator=generator)
    z, mean = result.posterior.sample(generator), result.posterior.mean
    sampled = model.decode(z, lengths, 1.0, generator) == tokens
    greedy = model.decode(mean, lengths, 0.0) == tokens
    steps, onsets = result.mask, result.mask & onsets
    counts = {"steps": steps, "onsets": onsets}
    for name, right in (("teacher", result.correct), ("sampled", sampled), ("greedy", greedy)):
        counts[name] = right & steps
        counts[name + "_onsets"] = right & onsets
    sums = {name: float(count.sum()) for name, count in counts.items()}
    return sums | {"nll": float(result.nll.sum()), "kl": float(result.kl.sum())}, mean


def _figures(t: dict[str, float], active: int, count: int, seed: int) -> dict[str, Any]:
    accuracies = {
        f"{name}{part}": t[f"{name}{part}"] / max(1.0, t[part.removeprefix("_") or "steps"])
        for name in ("teacher", "sampled", "greedy")
        for part in ("", "_onsets")
    }
    kl, nll = nats_to_bits(t["kl"] / count), nats_to_bits(t["nll"] / count)
    return {
        **{name: round(value, 4) for name, value in accuracies.items()},
        "kl_bits": round(kl, 2),
        "nll_bits": round(nll, 2),
        "bits_per_onset": round((kl + nll) * count / max(1.0, t["onsets"]), 3),
        "active_units": active,
        "examples": count,
        "seed": seed,
    }
