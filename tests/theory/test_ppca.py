"""The linear VAE of docs/theory.md: closed forms against other libraries and against draws."""

from __future__ import annotations

import pytest
import torch
from sklearn.decomposition import PCA

from benchmarks.theory.ppca import (
    LinearVAE,
    bounds,
    log_weights,
    points,
    ppca_log_likelihood,
    train,
    upper_bound,
)
from musicvae.latent.aggregate import normal_log_density
from musicvae.models.encoders import Posterior
from musicvae.training.likelihood import importance_weighted_log_likelihood


@pytest.fixture(scope="module")
def model() -> LinearVAE:
    torch.manual_seed(1)
    return LinearVAE(6, 2)


def test_closed_form_is_that_of_scikit_learn() -> None:
    x = points(500, 8, 3).double()
    assert ppca_log_likelihood(x, 3) == pytest.approx(PCA(3).fit(x.numpy()).score(x.numpy()), 1e-3)


def test_closed_form_is_no_less_than_any_model_reaches() -> None:
    x = points(500, 6, 2)
    best = ppca_log_likelihood(x, 2)
    for seed in range(5):
        torch.manual_seed(seed)
        assert LinearVAE(6, 2).log_likelihood(x).mean() < best


def test_training_with_our_loss_reaches_the_closed_form() -> None:
    torch.manual_seed(0)
    x = points(300, 6, 2)
    *_, (_, model) = train(x, 2, 400)
    best = ppca_log_likelihood(x, 2)
    with torch.no_grad():
        exact = float(model.log_likelihood(x).mean())
        lower = float(torch.stack([-model.terms(x).loss for _ in range(20)]).mean())
    assert exact == pytest.approx(best, rel=0.005)
    assert lower == pytest.approx(best, rel=0.005)
    assert lower < exact < best + 1e-4


def test_posterior_is_that_of_the_joint_normal(model: LinearVAE) -> None:
    """log p(x) = log p(x | z) + log p(z) - log p(z | x), whatever z is."""
    x, z = points(5, 6, 2), torch.randn(5, 2)
    joint = model.log_p_given(z, x) + normal_log_density(z, torch.zeros(2), torch.ones(2))
    torch.testing.assert_close(
        joint - model.true_posterior(x).log_prob(z), model.log_likelihood(x), atol=1e-4, rtol=1e-4
    )


def test_bounds_bracket_the_truth_and_tighten_with_more_draws(model: LinearVAE) -> None:
    x = 0.5 * points(2000, 6, 2)
    exact = float(model.log_likelihood(x).detach().mean())
    q = Posterior(torch.zeros(len(x), 2), torch.ones(len(x), 2))
    found = [row for row in bounds(model, x, q) if row["k"] in (1, 5, 50)]
    lower, upper = ([row[end] for row in found] for end in ("lower", "upper"))
    assert lower == sorted(lower)
    assert upper == sorted(upper, reverse=True)
    assert lower[0] < exact - 0.1
    assert upper[0] > exact + 0.1
    assert lower[-1] == pytest.approx(exact, abs=0.05)
    assert upper[-1] == pytest.approx(exact, abs=0.05)


def test_with_the_true_posterior_one_draw_is_exact(model: LinearVAE) -> None:
    with torch.no_grad():
        model.decoder.weight.copy_(torch.linalg.qr(model.decoder.weight).Q)  # W^T W is diagonal
        x = points(7, 6, 2)
        truth = model.true_posterior(x)
        std = truth.covariance_matrix.diagonal(dim1=-2, dim2=-1).sqrt()
        q = Posterior(truth.mean, std.expand_as(truth.mean))
        weights = log_weights(model, q, x, q.sample())[:, None]
        lower, _ = importance_weighted_log_likelihood(weights)
        upper = upper_bound(weights, log_weights(model, q, x, truth.sample()))
        exact = model.log_likelihood(x).double()
    torch.testing.assert_close(lower, exact, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(upper, exact, atol=1e-4, rtol=1e-4)
