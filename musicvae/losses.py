"""The terms of the evidence lower bound, every one in nats.

Letters: B batch, D dimensions of z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

NATS_PER_BIT = math.log(2)


@dataclass(frozen=True, eq=False)
class LossTerms:
    """Scalars in nats per example, averaged over a batch. `loss` is what training minimises."""

    loss: Tensor
    reconstruction: Tensor
    kl: Tensor


def gaussian_kl(mean: Float[Tensor, "B D"], std: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
    """KL(N(mean, std^2) || N(0, 1)) of each dimension (Kingma & Welling 2014, appendix B)."""
    return 0.5 * (mean.square() + std.square() - 1) - std.log()


def free_bits_total(kl: Float[Tensor, "B D"], bits: float) -> Float[Tensor, " B"]:
    """max(KL - bits, 0) on each example's total KL (Roberts et al. 2018, equation 4)."""
    return (kl.sum(-1) - bits * NATS_PER_BIT).clamp(min=0)


def free_bits_per_dimension(kl: Float[Tensor, "B D"], bits: float) -> Float[Tensor, " B"]:
    """The same hinge on each dimension by itself, `bits` spread evenly over all of them."""
    return (kl - bits * NATS_PER_BIT / kl.shape[-1]).clamp(min=0).sum(-1)


def elbo(
    nll: Float[Tensor, " B"],
    kl: Float[Tensor, "B D"],
    *,
    beta: float = 1.0,
    free_bits: float = 0.0,
    per_dimension: bool = False,
) -> LossTerms:
    """Negative beta-ELBO with free bits. `nll` is each example's reconstruction cost."""
    hinge = free_bits_per_dimension if per_dimension else free_bits_total
    cost = torch.mean(hinge(kl, free_bits))
    reconstruction = nll.mean()
    return LossTerms(reconstruction + beta * cost, reconstruction, kl.sum(-1).mean())
