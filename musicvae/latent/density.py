"""Where codes really lie: one normal with its full covariance, a histogram, a kernel estimate.

Training pulls the posteriors of all music, taken together, towards the prior N(0, 1), but never
quite there: neighbouring beats keep one register, and the prior knows nothing of that. Drawing from
the aggregate posterior q(z) = mean over x of q(z | x) instead (Hoffman & Johnson 2016) gives z that
the decoder has seen. `NormalDensity` is its maximum-likelihood fit by one normal. The other two
follow any shape, in the few dimensions in which there are codes enough; `musicvae.latent.aggregate`
has the mixture itself. They see only z.

Letters: N codes, M points, D dimensions of z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from musicvae.latent.aggregate import aggregate_log_density


@dataclass(frozen=True, eq=False)
class NormalDensity:
    """N(mean, covariance); `mean` (D,), `covariance` (D, D) symmetric and positive definite."""

    mean: Tensor
    covariance: Tensor

    @staticmethod
    def standard(size: int) -> NormalDensity:
        """The prior of the model, N(0, 1)."""
        return NormalDensity(torch.zeros(size), torch.eye(size))

    @staticmethod
    def fit(mean: Float[Tensor, "N D"], std: Float[Tensor, "N D"]) -> NormalDensity:
        """The moments of the mixture of N(mean[i], std[i]^2) over all i."""
        spread = torch.cov(mean.T.double(), correction=0)
        noise = std.double().square().mean(0)
        return NormalDensity(mean.mean(0), (spread + torch.diag(noise)).to(mean.dtype))

    def sample(self, n: int, generator: torch.Generator | None = None) -> Float[Tensor, "n D"]:
        """`n` independent draws."""
        return self.moved(torch.randn(n, len(self.mean), generator=generator))

    def moved(self, noise: Float[Tensor, "... D"]) -> Float[Tensor, "... D"]:
        """Draws from N(0, 1) -> draws from this."""
        factor = torch.linalg.cholesky(self.covariance.double())
        draws: Tensor = self.mean.to(noise) + noise @ factor.T.to(noise)
        return draws

    def log_density(self, z: Float[Tensor, "M D"]) -> Float[Tensor, " M"]:
        """log N(z; mean, covariance) in nats and float64."""
        factor = torch.linalg.cholesky(self.covariance.double())
        centred = (z - self.mean).double().T
        scaled = torch.linalg.solve_triangular(factor, centred, upper=False).square().sum(0)
        log_volume = 2 * factor.diagonal().log().sum() + len(self.mean) * math.log(2 * math.pi)
        density: Tensor = -0.5 * (scaled + log_volume)
        return density

    def kl_to_standard(self) -> float:
        """KL(this || N(0, 1)) in nats: what the prior does not know of the codes, at least."""
        eigenvalues = torch.linalg.eigvalsh(self.covariance.double())
        kl = (
            0.5 * (eigenvalues - 1 - eigenvalues.log()).sum()
            + 0.5 * self.mean.double().square().sum()
        )
        return float(kl)


@dataclass(frozen=True, eq=False)
class Histogram:
    """Equal cells of a box from `low` (D,) to `high` (D,); `log_share` (bins, ..., bins) is the
    logarithm of each one's share. There is nothing outside the box."""

    low: Tensor
    high: Tensor
    log_share: Tensor

    @staticmethod
    def fit(z: Float[Tensor, "N D"], bins: int, margin: float = 0.1) -> Histogram:
        """`bins` to each side of the box of all codes, wider by a `margin` of it at each end.

        Half a code is added to every cell, so that none is impossible (Krichevsky & Trofimov
        1981). Raises `ValueError` for less than one bin, or codes that lie in a plane.
        """
        if bins < 1:
            raise ValueError(f"a histogram has 1 bin or more to a side, not {bins}")
        low, high = z.double().amin(0), z.double().amax(0)
        if not bool((high > low).all()):
            raise ValueError("all codes are the same in some dimension: they fill no box")
        wider = margin * (high - low)
        empty = Histogram(low - wider, high + wider, torch.zeros((bins,) * z.shape[1]))
        counts = torch.bincount(empty._cells(z), minlength=empty.log_share.numel()) + 0.5
        share = (counts / counts.sum()).double().log().view_as(empty.log_share)
        return Histogram(empty.low, empty.high, share)

    def log_density(self, z: Float[Tensor, "M D"]) -> Float[Tensor, " M"]:
        """The share of a point's cell over its volume, as a logarithm in nats; -inf outside."""
        inside = ((z >= self.low) & (z <= self.high)).all(1)
        volume = (self.high - self.low).log().sum() - math.log(self.log_share.numel())
        density = self.log_share.flatten()[self._cells(z)] - volume
        return torch.where(inside, density, -math.inf)

    def _cells(self, z: Tensor) -> Tensor:
        """The number of each point's cell, or of the nearest one."""
        bins, size = len(self.log_share), self.log_share.ndim
        place = (z.double() - self.low) / (self.high - self.low)
        index = (place * bins).floor().long().clamp(0, bins - 1)
        strides = bins ** torch.arange(size - 1, -1, -1)
        return (index * strides).sum(1)


@dataclass(frozen=True, eq=False)
class Kernel:
    """The mean of normal densities of one `bandwidth` around codes `z` (N, D) (Parzen 1962)."""

    z: Tensor
    bandwidth: float

    def log_density(self, z: Float[Tensor, "M D"]) -> Float[Tensor, " M"]:
        """In nats and float64."""
        return aggregate_log_density(z, self.z, torch.full_like(self.z, self.bandwidth))
