"""Importance weighting: a linear Gaussian model and quadrature know the true likelihoods."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.distributions import MultivariateNormal, Normal

from musicvae.config import Bidirectional, Flat, ModelConfig
from musicvae.latent.aggregate import normal_log_density
from musicvae.latent.density import NormalDensity
from musicvae.models.encoders import Posterior
from musicvae.models.vae import SequenceVAE
from musicvae.training import likelihood
from musicvae.training.dataset import Dataset
from musicvae.training.likelihood import (
    ImportanceWeighted,
    importance_weighted,
    importance_weighted_log_likelihood,
)
from tests.models.small import build, case, small
from tests.training.small_data import dataset

WEIGHT = torch.tensor([[1.2, 0.0], [0.0, -0.7], [0.0, 0.0]], dtype=torch.float64)
NOISE = 0.6  # x = WEIGHT z + NOISE e with z and e standard normal: posteriors without correlation


def linear_gaussian() -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x (N, 3), log p(x) (N,), and the mean (N, 2) and standard deviation (2,) of p(z | x)."""
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(20, 2, generator=generator, dtype=torch.float64)
    x = z @ WEIGHT.T + NOISE * torch.randn(20, 3, generator=generator, dtype=torch.float64)
    covariance = WEIGHT @ WEIGHT.T + NOISE**2 * torch.eye(3, dtype=torch.float64)
    true = MultivariateNormal(torch.zeros(3, dtype=torch.float64), covariance).log_prob(x)
    precision = 1 + WEIGHT.square().sum(0) / NOISE**2
    return x, true, x @ WEIGHT / NOISE**2 / precision, precision.rsqrt()


def log_weights(
    x: Tensor,
    mean: Tensor,
    std: Tensor,
    share: float,
    samples: int,
    seed: int,
    prior: NormalDensity | None = None,
) -> Tensor:
    """(N, K) of that model, drawn by the code under test."""
    posterior = Posterior(mean, std.expand_as(mean))
    priors = [prior or NormalDensity.standard(mean.shape[1])]
    z, (log_ratio,) = likelihood._draw(posterior, np.arange(len(x)), samples, seed, share, priors)
    return Normal(z @ WEIGHT.T, NOISE).log_prob(x[:, None]).sum(-1) + log_ratio


@pytest.mark.parametrize("samples", [1, 7, 50])
def test_with_the_true_posterior_every_estimate_is_exact(samples: int) -> None:
    x, true, mean, std = linear_gaussian()
    weights = log_weights(x, mean, std, 0.0, samples, seed=1)
    estimate, effective = importance_weighted_log_likelihood(weights)
    torch.testing.assert_close(estimate, true)
    torch.testing.assert_close(effective, torch.full_like(true, samples))


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_under_another_prior_it_is_the_likelihood_of_that_model(share: float) -> None:
    x, _, mean, std = linear_gaussian()
    root = torch.tensor([[0.9, 0.0], [0.3, 0.7]], dtype=torch.float64)
    prior = NormalDensity(torch.tensor([0.4, -0.3], dtype=torch.float64), root @ root.T)
    covariance = WEIGHT @ prior.covariance @ WEIGHT.T + NOISE**2 * torch.eye(3, dtype=torch.float64)
    true = MultivariateNormal(WEIGHT @ prior.mean, covariance).log_prob(x)
    weights = log_weights(x, mean, 1.5 * std, share, 4000, seed=1, prior=prior)
    estimate, _ = importance_weighted_log_likelihood(weights)
    torch.testing.assert_close(estimate, true, atol=0.1, rtol=0)


@pytest.mark.parametrize("scale", [0.6, 1.7])
def test_with_another_it_rises_with_samples_and_stays_below(scale: float) -> None:
    x, true, mean, std = linear_gaussian()
    x, true, mean = (part.repeat(30, *[1] * (part.ndim - 1)) for part in (x, true, mean))
    means = []
    for samples in (1, 5, 50, 500):
        weights = log_weights(x, mean, scale * std, 0.0, samples, seed=samples)
        estimate, effective = importance_weighted_log_likelihood(weights)
        means.append(float((estimate - true).mean()))
        assert (effective <= samples + 1e-6).all()
        assert (effective >= 1 - 1e-9).all()
    assert means == sorted(means)
    assert means[0] < -0.05
    assert means[-1] == pytest.approx(0, abs=0.03)


@pytest.mark.parametrize("share", [0.25, 0.5])
def test_draws_from_the_prior_leave_it_unbiased(share: float) -> None:
    """And where q is far too narrow, they are what finds the rest."""
    x, true, mean, std = linear_gaussian()
    mixed = log_weights(x, mean, 0.02 * std, share, 20_000, seed=2)
    estimate, effective = importance_weighted_log_likelihood(mixed)
    assert float((estimate - true).abs().mean()) < 0.03
    alone = log_weights(x, mean, 0.02 * std, 0.0, 20_000, seed=2)
    narrow, few = importance_weighted_log_likelihood(alone)
    assert float((narrow - true).mean()) < -0.5
    assert few.mean() < effective.mean()


def test_sums_do_not_overflow() -> None:
    weights = torch.tensor([[-9000.0, -9001.0], [800.0, 800.0]])
    estimate, effective = importance_weighted_log_likelihood(weights)
    assert estimate[0] == pytest.approx(-9000 + math.log((1 + math.exp(-1)) / 2))
    assert estimate[1] == pytest.approx(800)
    expected = (1 + math.exp(-1)) ** 2 / (1 + math.exp(-2))
    assert effective.tolist() == pytest.approx([expected, 2])


def one_dimensional() -> tuple[SequenceVAE, Dataset]:
    """A model of melodies whose z is a single number."""
    preset = small("cat-mel_2bar_small")
    config = ModelConfig(
        z=1, encoder=Bidirectional(units=(5,)), decoder=Flat(units=(7,)), embedding=6
    )
    torch.manual_seed(3)
    model = SequenceVAE(preset.representation.spec, config).eval()
    with torch.no_grad():
        for parameter in model.decoder.parameters():
            parameter.normal_(std=0.25)
    return model, dataset(preset, rows=4)


def test_a_models_estimate_is_the_integral_over_z() -> None:
    model, data = one_dimensional()
    found = importance_weighted(model, data, 3000, seed=4, prior_share=0.5)
    grid = torch.linspace(-8, 8, 801)[:, None]
    prior = normal_log_density(grid.double(), torch.zeros(1), torch.ones(1))
    for row in range(len(data)):
        tokens, lengths, _ = data.take(np.full(len(grid), row))
        given = torch.from_numpy(tokens.astype(np.int64))
        layout = model.layout(torch.from_numpy(lengths.astype(np.int64)))
        with torch.no_grad():
            logits = model.decoder(grid, given, layout)
            nll = (model.decoder.nll(logits, given) * layout.mask).double().sum(1)
        expected = (prior - nll).logsumexp(0) + math.log(0.02)
        doubt = found.effective_samples[row] ** -0.5
        assert doubt < 0.04
        assert found.log_likelihood[row] == pytest.approx(float(expected), abs=3 * doubt)
    assert found.steps.tolist() == data.lengths.sum(1).tolist()


@pytest.mark.parametrize("name", ["cat-mel_2bar_small", "cat-mel_2bar_med_chords", "trio-16bar"])
def test_batches_only_group(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, data = build(name, spread=0.2), _rows_of(name, 5)
    found = importance_weighted(model, data, 6, prior_share=0.5)
    width = sum(model.decoder.widths) * model.spec.length
    for rows in (1, 4, 13):
        monkeypatch.setitem(likelihood.LOGITS, "cpu", rows * width)
        again = importance_weighted(model, data, 6, prior_share=0.5)
        np.testing.assert_allclose(again.log_likelihood, found.log_likelihood, rtol=1e-5)
    part = importance_weighted(model, replace(data, rows=data.rows[3:]), 6, prior_share=0.5)
    np.testing.assert_allclose(part.log_likelihood, found.log_likelihood[3:], rtol=1e-5)


def _rows_of(name: str, rows: int) -> Dataset:
    """Random examples of any preset, of different lengths."""
    preset, model = small(name), build(name)
    spec = preset.representation.spec
    torch.manual_seed(1)
    some = torch.randint(1, spec.segment_length + 1, (rows, spec.segments))
    given = case(model, some)
    return Dataset(
        representation=preset.representation,
        tokens=given.tokens.numpy(),
        lengths=some.numpy(),
        rows=np.arange(rows),
        controls=None if given.controls is None else given.controls.numpy(),
    )


def test_the_seed_decides_and_progress_is_told() -> None:
    model, data = one_dimensional()
    told: list[tuple[int, int]] = []
    first = importance_weighted(model, data, 3, seed=1, progress=lambda *at: told.append(at))
    again, other = (importance_weighted(model, data, 3, seed=seed) for seed in (1, 2))
    assert told[-1] == (4, 4)
    assert (first.log_likelihood == again.log_likelihood).all()
    assert (first.log_likelihood != other.log_likelihood).all()


def test_intervals_hold_the_figure() -> None:
    rng = np.random.default_rng(0)
    steps = rng.integers(5, 30, 400)
    found = ImportanceWeighted(
        log_likelihood=-3.0 * steps + rng.normal(size=400),
        effective_samples=np.ones(400),
        steps=steps,
        samples=1,
    )
    low, high = found.interval()
    assert low < found.nll < high
    assert high - low == pytest.approx(2 * 1.96 * found.log_likelihood.std() / 20, rel=0.1)
    low, high = found.perplexity_interval()
    assert low < found.perplexity < high
    assert found.perplexity == pytest.approx(math.exp(3), rel=0.02)
    assert high - low < 0.5  # all lengths cost the same a step: they add no doubt


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"samples": 0}, "1 sample or more, not 0"), ({"prior_share": 1.0}, "below 1, not 1.0")],
)
def test_what_makes_no_sense_is_refused(settings: dict[str, float], words: str) -> None:
    model, data = one_dimensional()
    with pytest.raises(ValueError, match=words):
        importance_weighted(model, data, **settings)
