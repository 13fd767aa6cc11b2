"""Information and densities of the aggregate posterior: closed forms and torch.distributions are
the witnesses."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import Categorical, Independent, MixtureSameFamily, Normal

from musicvae.latent import aggregate
from musicvae.latent.aggregate import (
    aggregate_log_density,
    batch_information,
    mutual_information,
    normal_log_density,
)


def posteriors(count: int, size: int, spread: float, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """Means of that spread, standard deviations around 0.4, and a draw from each."""
    generator = torch.Generator().manual_seed(seed)
    mean = spread * torch.randn(count, size, generator=generator)
    std = 0.1 + 0.6 * torch.rand(count, size, generator=generator)
    return mean, std, mean + std * torch.randn(count, size, generator=generator)


def test_the_density_is_that_of_a_mixture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aggregate, "BLOCK", 30)  # three rows at a time, the last block shorter
    mean, std, _ = posteriors(10, 4, 2.0)
    mixture = MixtureSameFamily(
        Categorical(torch.ones(10, dtype=torch.float64)),
        Independent(Normal(mean.double(), std.double()), 1),
    )
    z = 3 * torch.randn(7, 4, generator=torch.Generator().manual_seed(3))
    expected = mixture.log_prob(z.double())
    torch.testing.assert_close(aggregate_log_density(z, mean, std), expected)


def test_the_density_holds_for_narrow_posteriors_far_out() -> None:
    mean = torch.tensor([[30.0, -30.0]], dtype=torch.float64)
    std = torch.full_like(mean, 1e-3)
    z = mean + std
    expected = Normal(mean, std).log_prob(z).sum(1)
    torch.testing.assert_close(aggregate_log_density(z, mean, std), expected, atol=1e-4, rtol=0)
    torch.testing.assert_close(normal_log_density(z, mean, std), expected)


@given(count=st.integers(2, 40), size=st.integers(1, 5), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_where_all_posteriors_are_one_nothing_is_said(count: int, size: int, seed: int) -> None:
    mean, std, z = posteriors(count, size, 3.0, seed)
    same = (mean[:1].expand(count, -1), std[:1].expand(count, -1), z)
    found = mutual_information(*same)
    assert found.nats == pytest.approx(0, abs=1e-9)
    assert found.leave_one_out == pytest.approx(0, abs=1e-9)


@given(
    count=st.integers(2, 60),
    size=st.integers(1, 6),
    spread=st.floats(0, 50),
    seed=st.integers(0, 9),
)
@settings(max_examples=40, deadline=None)
def test_it_is_never_above_its_ceiling(count: int, size: int, spread: float, seed: int) -> None:
    found = mutual_information(*posteriors(count, size, spread, seed))
    assert found.ceiling == math.log(count)
    assert found.nats <= found.ceiling + 1e-9


def test_where_posteriors_are_far_apart_it_is_at_its_ceiling(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(aggregate, "BLOCK", 100)
    mean = 100.0 * torch.arange(32.0)[:, None].expand(-1, 3)
    found = mutual_information(mean, torch.ones(32, 3), mean + 0.5)
    assert found.nats == pytest.approx(math.log(32))
    assert found.leave_one_out > 1000


@pytest.mark.parametrize("signal", [0.5, 1.0, 2.0])
def test_it_is_that_of_a_gaussian_channel(signal: float) -> None:
    """Means N(0, signal^2), noise N(0, 1): 1/2 ln(1 + signal^2) nats a dimension, between the two
    estimates."""
    generator = torch.Generator().manual_seed(0)
    mean = signal * torch.randn(3000, 2, generator=generator)
    z = mean + torch.randn(3000, 2, generator=generator)
    found = mutual_information(mean, torch.ones_like(mean), z)
    expected = math.log1p(signal**2)
    assert found.nats == pytest.approx(expected, abs=0.05)
    assert found.leave_one_out == pytest.approx(expected, abs=0.05)
    assert found.nats < found.leave_one_out


def test_of_one_example_or_without_z_there_is_nothing_to_say() -> None:
    alone = mutual_information(*posteriors(1, 3, 1.0))
    assert (alone.nats, alone.ceiling) == (0.0, 0.0)
    assert math.isnan(alone.leave_one_out)
    empty = torch.zeros(5, 0)
    without = mutual_information(empty, empty, empty)
    assert without.nats == pytest.approx(0, abs=1e-12)
    assert without.ceiling == math.log(5)


def test_the_form_of_a_batch_is_entropy_less_density() -> None:
    mean, std, z = (part.double() for part in posteriors(16, 3, 1.0))
    normal = Normal(mean, std)
    mixture = MixtureSameFamily(
        Categorical(torch.ones(16, dtype=torch.float64)), Independent(normal, 1)
    )
    expected = -normal.entropy().sum(1).mean() - mixture.log_prob(z).mean()
    assert batch_information(mean, std, z) == pytest.approx(float(expected))


def test_the_form_of_a_batch_is_noise_where_nothing_is_said() -> None:
    """sqrt(D / 2B) nats of it: 0.71 for 32 examples and dimensions, where the other form has 0."""
    size, found = (32, 32), []
    for seed in range(200):
        z = torch.randn(size, generator=torch.Generator().manual_seed(seed))
        found.append(batch_information(torch.zeros(size), torch.ones(size), z))
    assert torch.tensor(found).std() == pytest.approx(math.sqrt(32 / 64), rel=0.15)
    assert min(found) < 0
