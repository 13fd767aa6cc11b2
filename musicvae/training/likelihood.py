"""How likely a model holds each example to be: log p(x) by importance weighting.

log p(x) >= E log 1/K sum_k p(x | z_k) p(z_k) / q(z_k | x), a bound that tightens with K (Burda et
al. 2016). It is what models are compared by that differ in how loose their ELBO is, and what a
language model's exact likelihood is compared with.

Letters: N examples, K samples of z for each, Z dimensions of z, B examples or rows of a batch.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from musicvae.latent.aggregate import normal_log_density
from musicvae.metrics import bootstrap_interval, perplexity
from musicvae.models.encoders import Posterior
from musicvae.models.layout import Layout
from musicvae.models.vae import SequenceVAE
from musicvae.training.dataset import Batch, Dataset

EXAMPLES = 32  # read by the encoder at a time
# Numbers that a batch may hold of logits: what a processor can keep near is fastest.
NUMBERS = {"cpu": 1 << 22, "cuda": 1 << 28}

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


@torch.inference_mode()
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
    if samples < 1:
        raise ValueError(f"importance weighting takes 1 sample or more, not {samples}")
    if not 0 <= prior_share < 1:
        raise ValueError(f"the share drawn from the prior is from 0 to below 1, not {prior_share}")
    device = next(model.parameters()).device
    steps = np.asarray(data.lengths)[data.rows].sum(axis=1).astype(np.int64)
    order = np.argsort(steps, kind="stable")
    ordered = replace(data, rows=data.rows[order], weights=None)
    log_likelihood, effective = np.zeros(len(data)), np.zeros(len(data))
    done = 0
    for stored, batch in ordered.batches(EXAMPLES):
        batch = batch.to(device)
        at = order[done : done + len(stored)]
        posterior = model.posterior(batch.read, batch.lengths, batch.controls)
        draws = _Draws.of(posterior, data.rows[at], samples, seed, prior_share)
        estimates = importance_weighted_log_likelihood(_log_weights(model, batch, draws))
        log_likelihood[at], effective[at] = (e.cpu().numpy() for e in estimates)
        done += len(stored)
        if progress is not None:
            progress(done, len(data))
    return ImportanceWeighted(
        log_likelihood=log_likelihood, effective_samples=effective, steps=steps, samples=samples
    )


@dataclass(frozen=True, eq=False)
class _Draws:
    """z (B, K, Z) for each example of a batch, and log p(z) - log r(z) (B, K) of where they are
    from. A model without a z has one draw, since all would be the same."""

    z: Tensor
    log_ratio: Tensor
    samples: int

    @staticmethod
    def of(
        posterior: Posterior, rows: np.ndarray, samples: int, seed: int, prior_share: float
    ) -> _Draws:
        mean, std = posterior.mean.double()[:, None], posterior.std.double()[:, None]
        size = mean.shape[-1]
        count = samples if size else 1
        noise = torch.from_numpy(
            np.stack([np.random.default_rng((seed, row)).standard_normal((count, size)) for row in rows])
        ).to(mean.device)  # fmt: skip
        from_prior = round(count * prior_share)
        z = torch.cat([mean + std * noise[:, from_prior:], noise[:, :from_prior]], dim=1)
        zero, one = torch.zeros_like(mean), torch.ones_like(mean)
        prior, proposal = normal_log_density(z, zero, one), normal_log_density(z, mean, std)
        if from_prior:
            share = from_prior / count
            proposal = torch.logaddexp(
                proposal + math.log1p(-share) if share < 1 else proposal.new_tensor(-math.inf),
                prior + math.log(share),
            )
        return _Draws(z, prior - proposal, samples)


def _log_weights(model: SequenceVAE, batch: Batch, draws: _Draws) -> Tensor:
    """log p(x, z) - log r(z) (B, K) for every draw, so many rows at a time as are fastest."""
    examples, count, _ = draws.z.shape
    z = draws.z.flatten(0, 1).to(next(model.parameters()).dtype)
    owner = torch.arange(examples, device=z.device).repeat_interleave(count)
    numbers = batch.tokens.shape[1] * sum(model.decoder.widths)
    rows = max(1, NUMBERS.get(z.device.type, NUMBERS["cpu"]) // numbers)
    parts = [
        _log_likelihood(model, some, batch, at)
        for some, at in zip(z.split(rows), owner.split(rows), strict=True)
    ]
    log_weights = torch.cat(parts).view(examples, count) + draws.log_ratio
    return log_weights.expand(-1, draws.samples)


def _log_likelihood(model: SequenceVAE, z: Tensor, batch: Batch, at: Tensor) -> Tensor:
    """log p(x | z) of z (B, Z), each with the example of the batch that it belongs to: (B,)."""
    tokens = batch.tokens[at]
    controls = None if batch.controls is None else batch.controls[at]
    layout = Layout.of(batch.lengths[at], tokens.shape[1] // model.spec.segments)
    logits = model.decoder(z, tokens, layout, None, controls)
    return -(model.decoder.nll(logits, tokens) * layout.mask).double().sum(1)
