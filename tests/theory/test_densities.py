"""Estimates of a density that is known: how near each comes to the truth on what it never saw."""

from __future__ import annotations

import pytest
import torch
from torch.distributions import Categorical, MixtureSameFamily, Normal

from benchmarks.theory.densities import Aggregate, Codes, likeliest
from musicvae.latent.density import Histogram, Kernel, NormalDensity
from musicvae.models.encoders import Posterior

TRUTH = MixtureSameFamily(
    Categorical(torch.tensor([0.3, 0.7])),
    Normal(torch.tensor([-2.0, 1.5]), torch.tensor([0.4, 0.8])),
)


@pytest.fixture(scope="module")
def codes() -> Codes:
    torch.manual_seed(0)
    parts = [TRUTH.sample((count, 1)) for count in (2000, 500, 4000)]
    return Codes(*parts, Posterior(parts[0], torch.full_like(parts[0], 1e-3)))


def test_what_can_have_two_peaks_comes_near_the_truth(codes: Codes) -> None:
    best = float(TRUTH.log_prob(codes.test).mean())
    found = {row["density"]: row["nats"] for row in codes.compare(codes.fits())}
    for name in ("mixture", "histogram", "kernel"):
        assert best - 0.04 < found[name] < best + 0.01, name
    assert found["prior"] < found["normal"] < best - 0.2


def test_posteriors_that_are_too_narrow_are_worse_than_the_prior(codes: Codes) -> None:
    found = {row["density"]: row["nats"] for row in codes.compare(codes.fits())}
    assert found["aggregate"] < found["prior"]


def test_the_mixture_of_posteriors_is_the_truth_where_they_are_its_parts(codes: Codes) -> None:
    mean = torch.tensor([-2.0] * 3 + [1.5] * 7)[:, None]
    std = torch.tensor([0.4] * 3 + [0.8] * 7)[:, None]
    found = Aggregate(Posterior(mean, std)).log_density(codes.test).float()
    torch.testing.assert_close(found, TRUTH.log_prob(codes.test)[:, 0])


def test_the_bandwidth_that_is_chosen_is_neither_the_least_nor_the_largest(codes: Codes) -> None:
    kernels = codes.kernels()
    chosen = likeliest(kernels, codes.valid)
    assert chosen is not kernels[0]
    assert chosen is not kernels[-1]


def test_likeliest_takes_the_density_under_which_codes_are_densest(codes: Codes) -> None:
    right = NormalDensity.fit(codes.train, torch.zeros_like(codes.train))
    wrong = NormalDensity.standard(1)
    assert likeliest([wrong, right], codes.valid) is right


@pytest.mark.parametrize("kind", [Histogram, Kernel])
def test_estimates_integrate_to_one(codes: Codes, kind: type) -> None:
    density = Histogram.fit(codes.train, 20) if kind is Histogram else Kernel(codes.train, 0.2)
    grid = torch.linspace(-8, 8, 20_001, dtype=torch.float64)[:, None]
    assert float(density.log_density(grid).exp().sum() * 16 / 20_000) == pytest.approx(1, abs=1e-3)
