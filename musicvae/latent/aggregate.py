"""The aggregate posterior q(z) = 1/N sum_i q(z | x_i), and how much z says about x under it.

I(x; z) = E[log q(z | x) - log q(z)] is the part of the KL that is information (Hoffman & Johnson
2016). From N examples no estimate can show more than ln N, so that is given beside each one. All
in nats and float64; it sees only z.

Letters: M codes, N posteriors, D dimensions of z.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

BLOCK = 1 << 22  # densities at a time: 32 MiB of float64


@dataclass(frozen=True, kw_only=True)
class Information:
    """I(x; z) in nats, as two estimates between which it lies if there are enough examples.

    `nats` counts an example's own posterior in q(z), and is never above `ceiling`, ln N;
    `leave_one_out` does not, errs upwards, has no ceiling, and is nan for a single example.
    """

    nats: float
    ceiling: float
    leave_one_out: float


def aggregate_log_density(
    z: Float[Tensor, "M D"], mean: Float[Tensor, "N D"], std: Float[Tensor, "N D"]
) -> Float[Tensor, " M"]:
    """log q(z) of codes under the mixture of N(mean[i], std[i]^2), exactly: N * M * D steps."""
    parts = [densities.logsumexp(1) for _, densities in _blocks(z, mean, std)]
    return torch.cat(parts) - math.log(len(mean))


def mutual_information(
    mean: Float[Tensor, "N D"], std: Float[Tensor, "N D"], z: Float[Tensor, "N D"]
) -> Information:
    """I(x; z) over all of N examples, where `z[i]` was drawn from N(mean[i], std[i]^2).

    The mean of log q(z_i | x_i) - log q(z_i) with the same z_i in both terms: 0 where every
    posterior is the same, whatever was drawn.
    """
    own, others = [], []
    for rows, densities in _blocks(z, mean, std):
        at = torch.arange(len(densities), device=densities.device)
        own.append(densities[at, rows.start + at])
        densities[at, rows.start + at] = -math.inf
        others.append(densities.logsumexp(1))
    count, of_own, of_others = len(mean), torch.cat(own), torch.cat(others)
    of_all = torch.logaddexp(of_own, of_others) - math.log(count)
    apart = float((of_own - of_others).mean()) + math.log(count - 1) if count > 1 else math.nan
    return Information(
        nats=float((of_own - of_all).mean()), ceiling=math.log(count), leave_one_out=apart
    )


def batch_information(
    mean: Float[Tensor, "B D"], std: Float[Tensor, "B D"], z: Float[Tensor, "B D"]
) -> float:
    """I(x; z) of one batch as He et al. 2019 report it: the entropy of q(z | x) in closed form.

    For comparison with published figures only. It can be negative and above ln B, its noise is
    about sqrt(D / 2B) nats even where nothing is said, and the mean over batches saturates at the
    ln B of one batch: `mutual_information` over all examples is better in each respect.
    """
    entropy = (std.double().log() + 0.5 * math.log(2 * math.pi * math.e)).sum(1)
    return float(-entropy.mean() - aggregate_log_density(z, mean, std).mean())


def normal_log_density(
    z: Float[Tensor, "... D"], mean: Float[Tensor, "... D"], std: Float[Tensor, "... D"]
) -> Float[Tensor, ...]:
    """log N(z; mean, std^2) of codes with independent dimensions."""
    scaled = ((z - mean) / std).square() + math.log(2 * math.pi)
    return -(0.5 * scaled + std.log()).sum(-1)


def _blocks(z: Tensor, mean: Tensor, std: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """log N(z[i]; mean[j], std[j]^2) (m, N) of a few rows at a time, the square multiplied out so
    that matrix products do the work; in float64 nothing is lost by that."""
    z, mean, precision = z.double(), mean.double(), std.double().square().reciprocal()
    constant = -0.5 * (
        mean.square() * precision - precision.log() + math.log(2 * math.pi)
    ).sum(1)  # fmt: skip
    rows = max(1, BLOCK // len(mean))
    for start in range(0, len(z), rows):
        some = z[start : start + rows]
        squares = torch.addmm(constant, some.square(), precision.T, alpha=-0.5)
        yield (
            slice(start, start + len(some)),
            squares.addmm_(some, (mean * precision).T),
        )
