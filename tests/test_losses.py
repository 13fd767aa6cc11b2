"""The terms of the ELBO against torch.distributions and against their own definition."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from musicvae.losses import (
    NATS_PER_BIT,
    elbo,
    free_bits_per_dimension,
    free_bits_total,
    gaussian_kl,
)
from tests.models.small import WIRINGS, case, full, mixed, run, wired

DOUBLE = torch.float64


@given(seed=st.integers(0, 2**31), size=st.sampled_from([1, 3, 256]))
def test_kl_is_that_of_torch_distributions(seed: int, size: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    mean = 3 * torch.randn(4, size, generator=generator, dtype=DOUBLE)
    std = 2 * torch.randn(4, size, generator=generator, dtype=DOUBLE).exp()
    witness = kl_divergence(Normal(mean, std), Normal(torch.zeros_like(mean), 1.0))
    torch.testing.assert_close(gaussian_kl(mean, std), witness)
    terms = elbo(torch.zeros(4, dtype=DOUBLE), gaussian_kl(mean, std))
    torch.testing.assert_close(terms.kl, witness.sum(1).mean())  # over dimensions: sum; rows: mean
    torch.testing.assert_close(terms.loss, witness.sum(1).mean())


@pytest.mark.parametrize("name", WIRINGS)
def test_the_models_kl_is_that_of_its_posterior(name: str) -> None:
    model = wired(name)
    result = run(model, case(model, full(model, 3)))
    posterior = Normal(result.posterior.mean, result.posterior.std)
    prior = Normal(torch.zeros_like(result.posterior.mean), 1.0)
    assert result.kl.shape == (3, model.config.z)
    torch.testing.assert_close(
        result.kl.sum(1), kl_divergence(posterior, prior).sum(1), rtol=1e-4, atol=1e-4
    )


@pytest.mark.parametrize("name", WIRINGS)
def test_the_models_nll_counts_each_valid_step_and_no_other(name: str) -> None:
    model = wired(name)
    given = case(model, mixed(model))
    result, mask = run(model, given), model.layout(given.lengths).mask
    assert torch.equal(result.mask, mask)
    assert torch.equal(mask.sum(1), given.lengths.sum(1))
    witness = model.decoder.nll(result.logits, given.tokens)
    assert torch.equal(result.nll[mask], witness[mask])
    assert not result.nll[~mask].any()
    assert not result.correct[~mask].any()
    likeliest = model.decoder.draw(result.logits, 0.0)
    matches = model.decoder.matches(likeliest, given.tokens)
    assert torch.equal(result.correct[mask], matches[mask])
    certain = model.decoder.matches(given.tokens, given.tokens)
    assert certain.all()
    assert certain.shape == result.correct.shape


def slope(kl: Tensor, **settings: object) -> Tensor:
    """d loss / d KL of each example and dimension, times the number of examples."""
    kl = kl.clone().requires_grad_()
    elbo(torch.zeros(len(kl), dtype=kl.dtype), kl, **settings).loss.backward()
    return kl.grad * len(kl)


def test_free_bits_are_inactive_below_the_threshold_and_of_slope_beta_above() -> None:
    bits, beta = 8.0, 0.3
    threshold = bits * math.log(2)
    kl = torch.full((3, 4), threshold / 4, dtype=DOUBLE)
    kl[0] *= 0.9
    kl[2] *= 1.5
    kl[1, 0] += 1e-6
    slopes = slope(kl, beta=beta, free_bits=bits)
    assert not slopes[0].any()
    torch.testing.assert_close(slopes[1:], torch.full((2, 4), beta, dtype=DOUBLE))
    torch.testing.assert_close(
        free_bits_total(kl, bits), torch.tensor([0, 1e-6, threshold / 2], dtype=DOUBLE)
    )


def test_the_threshold_is_on_the_total_of_an_example_not_on_each_dimension() -> None:
    kl = torch.tensor([[10.0, 0.0, 0.0, 0.0]], dtype=DOUBLE)
    bits = 4.0
    free = bits * NATS_PER_BIT
    assert free_bits_total(kl, bits).item() == pytest.approx(10 - free)
    assert free_bits_per_dimension(kl, bits).item() == pytest.approx(10 - free / 4)
    assert slope(kl, free_bits=bits).tolist() == [[1, 1, 1, 1]]
    assert slope(kl, free_bits=bits, per_dimension=True).tolist() == [[1, 0, 0, 0]]


@given(seed=st.integers(0, 2**31), bits=st.floats(0, 50))
def test_spread_free_bits_never_pardon_more_than_free_bits_on_the_total(
    seed: int, bits: float
) -> None:
    kl = 3 * torch.rand(5, 16, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)
    total, spread = free_bits_total(kl, bits), free_bits_per_dimension(kl, bits)
    assert bool((spread >= total - 1e-9).all())
    assert bool((total >= kl.sum(1) - bits * NATS_PER_BIT - 1e-9).all())


def test_the_loss_is_reconstruction_plus_beta_times_the_cost() -> None:
    nll, kl = torch.tensor([3.0, 5.0]), torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    terms = elbo(nll, kl, beta=0.5)
    assert (terms.reconstruction.item(), terms.kl.item()) == (4.0, 6.0)
    assert terms.loss.item() == 4.0 + 0.5 * 6.0
    clipped = elbo(nll, kl, beta=0.5, free_bits=5 / NATS_PER_BIT)
    assert clipped.kl.item() == 6.0  # what is reported is the KL itself
    assert clipped.loss.item() == pytest.approx(4.0 + 0.5 * (0 + 4) / 2)
