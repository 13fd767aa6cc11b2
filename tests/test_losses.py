"""The terms of the ELBO against torch.distributions and against their own definition."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.distributions import Normal, kl_divergence

from musicvae.config import FreeBits, PerBatch, PerBatchDimension, PerDimension, PerExample
from musicvae.losses import NATS_PER_BIT, beyond_free_bits, elbo, gaussian_kl
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


def nats(free: float) -> float:
    """A threshold in nats, as a setting: bits."""
    return free / NATS_PER_BIT


# Two examples of two dimensions; of 8 free nats each dimension has 4. Costs and slopes by hand.
TWO = torch.tensor([[10.0, 1.0], [3.0, 3.0]], dtype=DOUBLE)  # 11 and 6; by dimension 6.5 and 2
BY_HAND = {
    PerExample(): ((11 - 8 + 0) / 2, [[1, 1], [0, 0]]),
    PerDimension(): ((10 - 4 + 0 + 0 + 0) / 2, [[1, 0], [0, 0]]),
    PerBatch(): ((11 + 6) / 2 - 8, [[1, 1], [1, 1]]),
    PerBatchDimension(): ((6.5 - 4) + 0, [[1, 0], [1, 0]]),
}


@pytest.mark.parametrize("on", BY_HAND, ids=lambda on: type(on).__name__)
def test_each_form_of_free_bits_costs_what_its_formula_says(on: FreeBits) -> None:
    cost, slopes = BY_HAND[on]
    assert beyond_free_bits(TWO, nats(8), on).item() == pytest.approx(cost)
    assert slope(TWO, free_bits=nats(8), on=on).tolist() == slopes
    assert slope(TWO, beta=0.3, free_bits=nats(8), on=on).tolist() == [
        [pytest.approx(0.3 * s) for s in row] for row in slopes
    ]


def test_a_batch_whose_mean_is_below_the_threshold_costs_nothing() -> None:
    assert beyond_free_bits(TWO, nats(9), PerBatch()).item() == 0  # though one example is above
    assert slope(TWO, free_bits=nats(9), on=PerBatch()).tolist() == [[0, 0], [0, 0]]


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
    costs = [beyond_free_bits(row[None], bits, PerExample()).item() for row in kl]
    assert costs == pytest.approx([0, 1e-6, threshold / 2])


def test_the_threshold_is_on_the_total_of_an_example_not_on_each_dimension() -> None:
    kl = torch.tensor([[10.0, 0.0, 0.0, 0.0]], dtype=DOUBLE)
    bits = 4.0
    free = bits * NATS_PER_BIT
    assert beyond_free_bits(kl, bits, PerExample()).item() == pytest.approx(10 - free)
    assert beyond_free_bits(kl, bits, PerDimension()).item() == pytest.approx(10 - free / 4)
    assert slope(kl, free_bits=bits).tolist() == [[1, 1, 1, 1]]
    assert slope(kl, free_bits=bits, on=PerDimension()).tolist() == [[1, 0, 0, 0]]


@given(
    seed=st.integers(0, 2**31),
    rows=st.integers(1, 6),
    size=st.integers(1, 16),
    bits=st.floats(0, 50),
)
def test_the_more_is_pooled_the_more_is_pardoned(
    seed: int, rows: int, size: int, bits: float
) -> None:
    """By Jensen's inequality, max(. - threshold, 0) being convex."""
    kl = 3 * torch.rand(rows, size, generator=torch.Generator().manual_seed(seed), dtype=DOUBLE)
    cost = {
        kind: beyond_free_bits(kl, bits, kind()).item()
        for kind in (PerExample, PerDimension, PerBatch, PerBatchDimension)
    }
    assert cost[PerBatch] <= cost[PerExample] + 1e-9 <= cost[PerDimension] + 2e-9
    assert cost[PerBatch] <= cost[PerBatchDimension] + 1e-9 <= cost[PerDimension] + 2e-9
    assert cost[PerBatch] >= kl.sum(1).mean().item() - bits * NATS_PER_BIT - 1e-9
    alone = {kind: beyond_free_bits(kl[:1], bits, kind()).item() for kind in cost}
    assert alone[PerBatch] == pytest.approx(alone[PerExample])
    assert alone[PerBatchDimension] == pytest.approx(alone[PerDimension])
    for kind in cost:
        nothing_free = beyond_free_bits(kl, 0.0, kind()).item()
        assert nothing_free == pytest.approx(kl.sum(1).mean().item())


@pytest.mark.parametrize("on", BY_HAND, ids=lambda on: type(on).__name__)
def test_a_z_of_no_dimension_costs_nothing(on: FreeBits) -> None:
    kl = gaussian_kl(torch.zeros(3, 0), torch.zeros(3, 0))
    terms = elbo(torch.ones(3), kl, free_bits=4.0, on=on)
    assert (terms.loss.item(), terms.kl.item()) == (1.0, 0.0)


def test_the_loss_is_reconstruction_plus_beta_times_the_cost() -> None:
    nll, kl = torch.tensor([3.0, 5.0]), torch.tensor([[1.0, 2.0], [3.0, 6.0]])
    terms = elbo(nll, kl, beta=0.5)
    assert (terms.reconstruction.item(), terms.kl.item()) == (4.0, 6.0)
    assert terms.loss.item() == 4.0 + 0.5 * 6.0
    clipped = elbo(nll, kl, beta=0.5, free_bits=5 / NATS_PER_BIT)
    assert clipped.kl.item() == 6.0  # what is reported is the KL itself
    assert clipped.loss.item() == pytest.approx(4.0 + 0.5 * (0 + 4) / 2)
