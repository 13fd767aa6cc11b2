"""How the likelihood figures of an evaluation follow from its examples, and what they are called.

`NAME_nats` and `NAME_bits` are means over sequences, `NAME_nats_per_step` and `NAME_bits_per_step`
the sum over all sequences shared among all of their steps, the end token being one. NAME is

- `reconstruction`: -log p(x | z) for one z drawn from q(z | x)
- `kl`: KL(q(z | x) || p(z)), in closed form
- `elbo`: minus both, a lower bound of log p(x)
- `iw_nll`: -log p(x) by importance weighting, an upper bound of it in expectation
- `mutual_information`: what z says about which example it is of

`*_low` and `*_high` are the ends of a 95 % interval, if other examples had been drawn. A
perplexity is exp of nats per step.
"""

from __future__ import annotations

import math

import numpy as np

from musicvae.latent.aggregate import Information
from musicvae.metrics import bootstrap_interval, nats_to_bits, perplexity
from musicvae.training.likelihood import ImportanceWeighted

Figures = dict[str, float]


def elbo_figures(nll: np.ndarray, kl: np.ndarray, steps: np.ndarray, seed: int) -> Figures:
    """From the reconstruction cost and KL of each example (N,), in nats, and its steps (N,)."""
    elbo, total = -(nll + kl), int(steps.sum())
    low, high = bootstrap_interval(elbo, seed=seed)
    return {
        **_in_units("reconstruction", float(nll.sum()), len(nll), total),
        **_in_units("kl", float(kl.sum()), len(nll), total),
        **_in_units("elbo", float(elbo.sum()), len(nll), total),
        "elbo_nats_low": _round(low),
        "elbo_nats_high": _round(high),
        "perplexity_elbo": _round(perplexity(-float(elbo.sum()), total)),
    }


def importance_figures(weighted: ImportanceWeighted, seed: int) -> Figures:
    """With how many samples, and how many of these counted: on average, and of the twentieth of
    the examples for which fewest did."""
    low, high = weighted.interval(seed)
    rarest, best = weighted.perplexity_interval(seed)
    nll, count = -float(weighted.log_likelihood.sum()), len(weighted.steps)
    return {
        **_in_units("iw_nll", nll, count, int(weighted.steps.sum())),
        "iw_nll_nats_low": _round(low),
        "iw_nll_nats_high": _round(high),
        "perplexity_iw": _round(weighted.perplexity),
        "perplexity_iw_low": _round(rarest),
        "perplexity_iw_high": _round(best),
        "iw_samples": weighted.samples,
        "iw_effective_samples": _round(float(weighted.effective_samples.mean())),
        "iw_effective_samples_low": _round(float(np.quantile(weighted.effective_samples, 0.05))),
    }


def information_figures(information: Information, count: int, steps: int) -> Figures:
    """With ln N beside it, above which it cannot be; of a single example there is nothing to say
    without it."""
    figures = {
        **_in_units("mutual_information", information.nats * count, count, steps),
        "mutual_information_ceiling_nats": _round(information.ceiling),
    }
    if math.isfinite(information.leave_one_out):
        figures["mutual_information_leave_one_out_nats"] = _round(information.leave_one_out)
    return figures


def _in_units(name: str, nats: float, sequences: int, steps: int) -> Figures:
    """A sum over all sequences, in nats -> the four figures that say it."""
    shares = {"": sequences, "_per_step": max(1, steps)}
    return {
        f"{name}_{unit}{share}": _round(value / count)
        for unit, value in (("nats", nats), ("bits", nats_to_bits(nats)))
        for share, count in shares.items()
    }


def _round(value: float) -> float:
    return round(value, 4)
