"""Variances of gradient estimators: the closed forms against quadrature and against draws."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.theory.data import sample_melodies
from benchmarks.theory.gradients import (
    Spread,
    best_baseline_variance,
    by_path,
    by_score,
    by_score_with_baseline,
    mean_loss,
    measured,
    reparameterised,
    reparameterised_variance,
    score_function,
    score_function_variance,
    spread_of,
    with_mean_baseline_variance,
)
from musicvae.config import Bidirectional, Flat, ModelConfig
from musicvae.models.vae import SequenceVAE
from musicvae.training.dataset import Batch

NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(20)  # exact up to degree 39
WEIGHTS = WEIGHTS / WEIGHTS.sum()
THETA = st.floats(-3, 3)


def moments(estimate: Callable[[torch.Tensor], torch.Tensor], size: int) -> tuple[float, float]:
    """Mean and variance of the first coordinate's gradient, by quadrature in one or two
    dimensions."""
    grid = np.stack(np.meshgrid(*[NODES] * size, indexing="ij"), axis=-1).reshape(-1, size)
    weight = np.stack(np.meshgrid(*[WEIGHTS] * size, indexing="ij"), axis=-1)
    weight = weight.reshape(-1, size).prod(axis=1)
    value = estimate(torch.from_numpy(grid)).numpy()[:, 0]
    mean = float(weight @ value)
    return mean, float(weight @ (value - mean) ** 2)


@settings(max_examples=25)
@given(THETA, st.sampled_from([1, 2]))
def test_closed_forms_are_those_of_quadrature(t: float, size: int) -> None:
    f = size * (t**2 + 1)
    ways = {
        reparameterised_variance: lambda e: reparameterised(t, e),
        score_function_variance: lambda e: score_function(t, e),
        with_mean_baseline_variance: lambda e: score_function(t, e, f),
        best_baseline_variance: lambda e: score_function(t, e, f + 2),
    }
    for closed, estimate in ways.items():
        mean, variance = moments(estimate, size)
        assert mean == pytest.approx(2 * t, abs=1e-8)
        assert variance == pytest.approx(closed(t, size), rel=1e-8)


@given(THETA, st.floats(-5, 5))
def test_no_constant_is_a_better_baseline(t: float, change: float) -> None:
    _, variance = moments(lambda e: score_function(t, e, t**2 + 3 + change), 1)
    assert variance == pytest.approx(best_baseline_variance(t) + change**2, rel=1e-8)


@given(THETA, st.integers(1, 64))
def test_score_function_is_never_the_less_noisy(t: float, size: int) -> None:
    assert best_baseline_variance(t, size) > reparameterised_variance(t, size)


def test_in_many_dimensions_draws_agree_with_the_closed_forms() -> None:
    row = measured(0.7, 8, 100_000, torch.Generator().manual_seed(0))
    for name, closed in row["closed"].items():
        assert row["drawn"][name] == pytest.approx(closed, rel=0.05), name


def small(z: int) -> tuple[SequenceVAE, Batch]:
    """A model of a few units, and two melodies."""
    data = sample_melodies().train
    torch.manual_seed(0)
    shape = ModelConfig(z=z, encoder=Bidirectional(units=(4,)), decoder=Flat(units=(8,)))
    return SequenceVAE(data.representation.spec, shape), data.batch(2, 0, 0, augment=False)


def test_on_melodies_all_estimators_agree_on_the_mean() -> None:
    """Each of the score function's estimates lies within its own noise of the reparameterised."""
    model, batch = small(z=2)
    generator = torch.Generator().manual_seed(0)
    baseline = mean_loss(model, batch, 20, generator)
    path = spread_of(by_path, model, batch, 10, generator)
    direction = path.mean / path.mean.norm()
    for way, draws in ((by_score_with_baseline(baseline), 100), (by_score, 20)):
        noise = torch.randn(draws, 2, 2, generator=generator)
        along = torch.stack([way(model, batch, e) @ direction for e in noise])
        error = float(along.std()) / draws**0.5
        assert abs(float(along.mean() - path.mean.norm())) < 4 * error


def test_baseline_takes_noise_away_and_the_path_has_least() -> None:
    model, batch = small(z=4)
    generator = torch.Generator().manual_seed(0)
    baseline = mean_loss(model, batch, 20, generator)
    path, score, less = (
        spread_of(way, model, batch, 10, generator).variance
        for way in (by_path, by_score, by_score_with_baseline(baseline))
    )
    assert 10 * path < less < score / 10


def test_spread_corrects_the_length_of_the_mean_for_its_noise() -> None:
    estimates = torch.tensor([1.0, 2.0]) + torch.randn(
        10, 1000, 2, generator=torch.Generator().manual_seed(0)
    ).mul(3)
    spreads = [Spread.of(some) for some in estimates]
    assert np.mean([s.variance for s in spreads]) == pytest.approx(18, rel=0.05)
    assert np.mean([s.signal for s in spreads]) == pytest.approx(5, rel=0.05)
