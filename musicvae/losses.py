"""The terms of the evidence lower bound, every one in nats.

Letters: B batch, D dimensions of z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import assert_never

from jaxtyping import Float
from torch import Tensor

from musicvae.config import FreeBits, PerBatch, PerBatchDimension, PerDimension, PerExample

NATS_PER_BIT = math.log(2)
EACH_EXAMPLE = PerExample()


@dataclass(frozen=True, eq=False)
class LossTerms:
    """Scalars in nats per example, averaged over a batch. `loss` is what training minimises."""

    loss: Tensor
    reconstruction: Tensor
    kl: Tensor


def gaussian_kl(mean: Float[Tensor, "B D"], std: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
    """KL(N(mean, std^2) || N(0, 1)) of each dimension (Kingma & Welling 2014, appendix B)."""
    return 0.5 * (mean.square() + std.square() - 1) - std.log()


def beyond_free_bits(kl: Float[Tensor, "B D"], bits: float, on: FreeBits) -> Float[Tensor, ""]:
    """What the KL above `bits` for the whole of z costs, in nats per example.

    Each form is max(KL - threshold, 0) on what it looks at, which has the gradient of the other
    published form, max(KL, threshold). In single dimensions the threshold is an even share.
    """
    total = bits * NATS_PER_BIT
    share = total / max(1, kl.shape[-1])
    match on:
        case PerExample():
            return (kl.sum(-1) - total).clamp(min=0).mean()
        case PerDimension():
            return (kl - share).clamp(min=0).sum(-1).mean()
        case PerBatch():
            return (kl.sum(-1).mean() - total).clamp(min=0)
        case PerBatchDimension():
            return (kl.mean(0) - share).clamp(min=0).sum()
        case _:
            assert_never(on)


def elbo(
    nll: Float[Tensor, " B"],
    kl: Float[Tensor, "B D"],
    *,
    beta: float = 1.0,
    free_bits: float = 0.0,
    on: FreeBits = EACH_EXAMPLE,
) -> LossTerms:
    """Negative beta-ELBO with free bits. `nll` is each example's reconstruction cost.

    beta 1 without free bits is the evidence lower bound itself.
    """
    reconstruction = nll.mean()
    cost = beta * beyond_free_bits(kl, free_bits, on)
    return LossTerms(reconstruction + cost, reconstruction, kl.sum(-1).mean())
