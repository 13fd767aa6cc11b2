"""Where codes lie, as training leaves it in the checkpoint."""

from __future__ import annotations

from pathlib import Path

import torch

from musicvae.checkpoint import load
from musicvae.latent.density import NormalDensity
from musicvae.models.vae import SequenceVAE
from musicvae.pipeline.model import MusicVAE
from musicvae.training.latents import fit_density
from tests.models.small import build, small
from tests.training.small_data import dataset
from tests.training.test_trainer import Heard, tiny, trainer


def posterior_of_all(model: SequenceVAE, rows: int) -> NormalDensity:
    data = dataset(small("melody-2bar"), rows)
    with torch.no_grad():
        posterior = model.posterior(torch.from_numpy(data.tokens), torch.from_numpy(data.lengths))
    return NormalDensity.fit(posterior.mean, posterior.std)


def test_density_is_that_of_all_posteriors() -> None:
    model = build("melody-2bar")
    fitted = fit_density(model, dataset(small("melody-2bar"), 80))
    expected = posterior_of_all(model, 80)
    torch.testing.assert_close(fitted.mean, expected.mean)
    torch.testing.assert_close(fitted.covariance, expected.covariance)


def test_too_few_examples_give_variances_alone() -> None:
    model = build("melody-2bar")
    fitted = fit_density(model, dataset(small("melody-2bar"), 5))
    expected = posterior_of_all(model, 5)
    torch.testing.assert_close(fitted.covariance, torch.diag(expected.covariance.diagonal()))


def test_a_finished_training_says_where_new_codes_are_drawn(tmp_path: Path) -> None:
    run = trainer(tiny(), tmp_path)
    run.run(Heard(), until=3)
    assert not load(tmp_path / "checkpoint").latents
    prior = MusicVAE(load(tmp_path / "checkpoint"), device="cpu").density
    assert torch.equal(prior.covariance, torch.eye(len(prior.mean)))
    run.run(Heard())
    finished = MusicVAE(load(tmp_path / "checkpoint"), device="cpu")
    expected = fit_density(run.averaged(), run.data)
    torch.testing.assert_close(finished.density.mean, expected.mean)
    torch.testing.assert_close(finished.density.covariance, expected.covariance)
