"""Where codes really lie: a normal density with its full covariance, fitted to posteriors.

Training pulls the posteriors of all music, taken together, towards the prior N(0, 1), but never
quite there: neighbouring beats keep one register, and the prior knows nothing of that. Drawing from
the aggregate posterior q(z) = mean over x of q(z | x) instead (Hoffman & Johnson 2016) gives z that
the decoder has seen. This is its maximum-likelihood fit by one normal. It sees only z.

Letters: N codes, D dimensions of z.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor


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
        factor = torch.linalg.cholesky(self.covariance.double()).to(self.mean.dtype)
        noise = torch.randn(n, len(self.mean), generator=generator, dtype=self.mean.dtype)
        return torch.addmm(self.mean, noise, factor.T)

    def kl_to_standard(self) -> float:
        """KL(this || N(0, 1)) in nats: what the prior does not know of the codes, at least."""
        eigenvalues = torch.linalg.eigvalsh(self.covariance.double())
        kl = (
            0.5 * (eigenvalues - 1 - eigenvalues.log()).sum()
            + 0.5 * self.mean.double().square().sum()
        )
        return float(kl)
