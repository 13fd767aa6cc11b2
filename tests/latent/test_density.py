"""The normal fitted to codes: closed forms and torch.distributions are the witnesses."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.neighbors import KernelDensity
from torch.distributions import MultivariateNormal, kl_divergence

from musicvae.latent.density import Histogram, Kernel, NormalDensity

MEAN = torch.tensor([1.0, -2.0, 0.5])
COVARIANCE = torch.tensor([[2.0, 0.6, 0.0], [0.6, 1.0, -0.3], [0.0, -0.3, 0.5]])


def test_fit_has_the_moments_of_the_mixture() -> None:
    mean = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    std = torch.rand(50, 3, generator=torch.Generator().manual_seed(1)) + 0.1
    fitted = NormalDensity.fit(mean, std)
    centred = mean - mean.mean(0)
    expected = centred.T @ centred / 50 + torch.diag((std**2).mean(0))
    torch.testing.assert_close(fitted.mean, mean.mean(0))
    torch.testing.assert_close(fitted.covariance, expected)


def test_fit_of_draws_finds_the_density_again() -> None:
    draws = NormalDensity(MEAN, COVARIANCE).sample(200_000, torch.Generator().manual_seed(0))
    again = NormalDensity.fit(draws, torch.zeros_like(draws))
    torch.testing.assert_close(again.mean, MEAN, atol=0.02, rtol=0)
    torch.testing.assert_close(again.covariance, COVARIANCE, atol=0.02, rtol=0)


def test_draws_follow_the_generator() -> None:
    density = NormalDensity(MEAN, COVARIANCE)
    first, again, other = (density.sample(4, torch.Generator().manual_seed(s)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_kl_is_that_of_torch_distributions() -> None:
    expected = kl_divergence(
        MultivariateNormal(MEAN, COVARIANCE), MultivariateNormal(torch.zeros(3), torch.eye(3))
    )
    assert NormalDensity(MEAN, COVARIANCE).kl_to_standard() == pytest.approx(float(expected), 1e-5)
    assert NormalDensity.standard(7).kl_to_standard() == 0


def test_log_density_is_that_of_torch_distributions() -> None:
    z = torch.randn(20, 3, generator=torch.Generator().manual_seed(0))
    expected = MultivariateNormal(MEAN, COVARIANCE).log_prob(z)
    found = NormalDensity(MEAN, COVARIANCE).log_density(z).float()
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize("size", [1, 2])
def test_a_histogram_is_numpys_with_half_a_code_in_every_cell(size: int) -> None:
    z = torch.randn(200, size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    fitted = Histogram.fit(z, bins=7)
    sides = [np.linspace(low, high, 8) for low, high in zip(fitted.low, fitted.high, strict=True)]
    counts, _ = np.histogramdd(z.numpy(), bins=sides)
    volume = np.prod([side[1] - side[0] for side in sides])
    cells = np.stack([np.digitize(z[:, i], sides[i]) - 1 for i in range(size)], axis=1)
    expected = (counts[tuple(cells.T)] + 0.5) / (200 + 0.5 * 7**size) / volume
    np.testing.assert_allclose(fitted.log_density(z).exp(), expected)


def test_a_histogram_is_a_density_and_nothing_outside_its_box() -> None:
    z = torch.randn(50, 2, generator=torch.Generator().manual_seed(0))
    fitted = Histogram.fit(z, bins=5)
    corner = torch.stack([fitted.low - 1, fitted.high + 1])
    assert fitted.log_share.exp().sum() == pytest.approx(1)
    assert torch.isneginf(fitted.log_density(corner)).all()


def test_a_histogram_of_a_plane_or_without_bins_is_refused() -> None:
    z = torch.tensor([[0.0, 1.0], [1.0, 1.0]])
    with pytest.raises(ValueError, match="the same in some dimension"):
        Histogram.fit(z, bins=2)
    with pytest.raises(ValueError, match="1 bin or more"):
        Histogram.fit(z, bins=0)


def test_a_kernel_estimate_is_that_of_scikit_learn() -> None:
    z = torch.randn(60, 2, generator=torch.Generator().manual_seed(0))
    expected = KernelDensity(bandwidth=0.3).fit(z[:40].numpy()).score_samples(z[40:].numpy())
    np.testing.assert_allclose(Kernel(z[:40], 0.3).log_density(z[40:]), expected, rtol=1e-5)
