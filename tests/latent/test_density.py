"""The normal fitted to codes: closed forms and torch.distributions are the witnesses."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import MultivariateNormal, kl_divergence

from musicvae.latent.density import NormalDensity

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
