"""How likely a model holds each example to be: log p(x) by importance weighting.

log p(x) >= E log 1/K sum_k p(x | z_k) p(z_k) / q(z_k | x), a bound that tightens with K (Burda et
al. 2016). It is what models are compared by that differ in how loose their ELBO is, and what a
language model's exact likelihood is compared with.

Letters: N examples, K samples of z for each, Z dimensions of z, B examples of a batch, R rows.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from musicvae.latent.aggregate import normal_log_density
from musicvae.latent.density import NormalDensity
from musicvae.metrics import bootstrap_interval, perplexity
from musicvae.models.encoders import Posterior
from musicvae.models.layout import Layout
from musicvae.models.vae import SequenceVAE
from musicvae.training.dataset import Batch, Dataset

# Logits that are computed at a time. A processor is fastest with what it can keep near.
LOGITS = {"cpu": 1 << 22, "cuda": 1 << 28}

Progress = Callable[[int, int], None]


@dataclass(frozen=True, eq=False, kw_only=True)
class ImportanceWeighted:
    """log p(x) of N examples, in the order of the data.

    `log_likelihood` (N,) in nats; `effective_samples` (N,), from 1 to `samples`, is how many
    samples carry each estimate; `steps` (N,) counts the steps of each example, its end included.
    """

    log_likelihood: np.ndarray
    effective_samples: np.ndarray
    steps: np.ndarray
    samples: int  # K

    @property
    def nll(self) -> float:
        """Nats a sequence."""
        return -float(self.log_likelihood.mean())

    @property
    def perplexity(self) -> float:
        """exp of the nats of all sequences over the steps of all."""
        return perplexity(-float(self.log_likelihood.sum()), int(self.steps.sum()))

    def interval(self, seed: int = 0) -> tuple[float, float]:
        """Of `nll`, 95 %, if other examples had been drawn (bootstrap)."""
        return bootstrap_interval(-self.log_likelihood, seed=seed)

    def perplexity_interval(self, seed: int = 0) -> tuple[float, float]:
        """The same of `perplexity`."""
        low, high = bootstrap_interval(-self.log_likelihood, self.steps, seed=seed)
        return perplexity(low, 1), perplexity(high, 1)


def importance_weighted_log_likelihood(
    log_weights: Float[Tensor, "N K"],
) -> tuple[Float[Tensor, " N"], Float[Tensor, " N"]]:
    """log of the mean weight and (sum w)^2 / sum w^2, the effective number of samples (Kong 1992).

    A log weight is log p(x, z) - log r(z) for z drawn from r. Both in float64.
    """
    log_weights = log_weights.double()
    total = log_weights.logsumexp(1)
    effective = (2 * total - (2 * log_weights).logsumexp(1)).exp()
    return total - math.log(log_weights.shape[1]), effective


def importance_weighted(
    model: SequenceVAE,
    data: Dataset,
    samples: int = 500,
    *,
    seed: int = 0,
    prior_share: float = 0.0,
    progress: Progress | None = None,
) -> ImportanceWeighted:
    """log p(x) of every example of `data` from `samples` draws of z each.

    They come from q(z | x), or a share of them from the prior: with half of them (Owen & Zhou
    2000) no weight exceeds 2 p(x | z), which keeps the estimate sane where q is far too narrow, as
    it is in models of hundreds of nats. What is drawn for an example depends on `seed` and its row
    in the dataset alone. Raises `ValueError` for less than one sample or a share not below 1.
    """
    standard = NormalDensity.standard(model.config.z)
    found = importance_weighted_under(
        [standard], model, data, samples, seed=seed, prior_share=prior_share, progress=progress
    )
    return found[0]


@torch.inference_mode()
def importance_weighted_under(
    priors: Sequence[NormalDensity],
    model: SequenceVAE,
    data: Dataset,
    samples: int = 500,
    *,
    seed: int = 0,
    prior_share: float = 0.0,
    progress: Progress | None = None,
) -> list[ImportanceWeighted]:
    """The same under each of some priors p(z), of which the first is drawn from: one that was
    fitted to the codes of the training data, say, as new sources are drawn from."""
    if samples < 1:
        raise ValueError(f"importance weighting takes 1 sample or more, not {samples}")
    if not 0 <= prior_share < 1:
        raise ValueError(f"the share drawn from the prior is from 0 to below 1, not {prior_share}")
    device = next(model.parameters()).device
    steps = np.asarray(data.lengths)[data.rows].sum(axis=1).astype(np.int64)
    order = np.argsort(steps, kind="stable")  # so that little is cut off behind the longest
    ordered = replace(data, rows=data.rows[order], weights=None)
    log_likelihood = np.zeros((len(priors), len(data)))
    effective = np.zeros_like(log_likelihood)
    done = 0
    for stored, batch in ordered.batches(max(1, _rows(model, model.spec.length) // samples)):
        batch = batch.to(device)
        at = order[done : done + len(stored)]
        posterior = model.posterior(batch.read, batch.lengths, batch.controls)
        z, log_ratios = _draw(posterior, data.rows[at], samples, seed, prior_share, priors)
        told = _log_likelihoods(model, z, batch)
        for k, log_ratio in enumerate(log_ratios):
            weights = (told + log_ratio).expand(-1, samples)
            estimates = importance_weighted_log_likelihood(weights)
            log_likelihood[k, at], effective[k, at] = (e.cpu().numpy() for e in estimates)
        done += len(stored)
        if progress is not None:
            progress(done, len(data))
    return [
        ImportanceWeighted(
            log_likelihood=ours, effective_samples=counted, steps=steps, samples=samples
        )
        for ours, counted in zip(log_likelihood, effective, strict=True)
    ]


def _draw(
    posterior: Posterior,
    rows: np.ndarray,
    samples: int,
    seed: int,
    prior_share: float,
    priors: Sequence[NormalDensity],
) -> tuple[Tensor, list[Tensor]]:
    """z (B, K, Z) for each example, and under each prior log p(z) - log r(z) (B, K) of where they
    were drawn.

    Without any dimension of z one is enough: all would be the same.
    """
    mean, std = posterior.mean.double()[:, None], posterior.std.double()[:, None]
    shape = (samples if mean.shape[-1] else 1, mean.shape[-1])
    draws = [np.random.default_rng((seed, row)).standard_normal(shape) for row in rows]
    noise = torch.from_numpy(np.stack(draws)).to(mean.device)
    from_prior = min(round(shape[0] * prior_share), shape[0] - 1)
    z = torch.cat(
        [priors[0].moved(noise[:, :from_prior]), mean + std * noise[:, from_prior:]], dim=1
    )
    flat = z.flatten(0, 1).cpu()
    told = [prior.log_density(flat).view(z.shape[:2]).to(z.device) for prior in priors]
    proposal = normal_log_density(z, mean, std)
    if from_prior:
        share = from_prior / shape[0]
        proposal = torch.logaddexp(proposal + math.log1p(-share), told[0] + math.log(share))
    return z, [prior - proposal for prior in told]


def _log_likelihoods(model: SequenceVAE, z: Tensor, batch: Batch) -> Tensor:
    """log p(x | z) (B, K) of z (B, K, Z), the z of one example after the other."""
    flat = z.flatten(0, 1).to(next(model.parameters()).dtype)
    owner = torch.arange(len(z), device=z.device).repeat_interleave(z.shape[1])
    parts = math.ceil(len(flat) / _rows(model, batch.tokens.shape[1]))
    pairs = zip(flat.chunk(parts), owner.chunk(parts), strict=True)
    return torch.cat([_log_likelihood(model, some, batch, at) for some, at in pairs]).view(
        z.shape[:2]
    )


def _rows(model: SequenceVAE, steps: int) -> int:
    """How many sequences of so many steps are computed at a time."""
    device = next(model.parameters()).device.type
    return max(1, LOGITS.get(device, LOGITS["cpu"]) // (steps * sum(model.decoder.widths)))


def _log_likelihood(model: SequenceVAE, z: Tensor, batch: Batch, at: Tensor) -> Tensor:
    """log p(x | z) (R,) of z (R, Z), each with the example of the batch that it belongs to."""
    tokens = batch.tokens[at]
    controls = None if batch.controls is None else batch.controls[at]
    layout = Layout.of(batch.lengths[at], tokens.shape[1] // model.spec.segments)
    logits = model.decoder(z, tokens, layout, None, controls)
    return -(model.decoder.nll(logits, tokens) * layout.mask).double().sum(1)
