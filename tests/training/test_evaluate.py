"""Figures against models whose figures are known, and against a count by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from musicvae.models.vae import SequenceVAE
from musicvae.training.evaluate import evaluate
from tests.models.small import MELODIES, build, small
from tests.training.small_data import dataset

FIGURES = {
    "teacher", "teacher_onsets", "sampled", "sampled_onsets", "greedy", "greedy_onsets",
    "kl_bits", "nll_bits", "bits_per_onset", "active_units", "examples", "seed",
}  # fmt: skip


def stubborn(token: int, name: str = "melody-2bar") -> SequenceVAE:
    """A model that writes one token for ever, and whose posterior is the prior."""
    model = build(name)
    with torch.no_grad():
        model.decoder.writers[0].head.project.weight.zero_()
        model.decoder.writers[0].head.project.bias.fill_(0.0)[token] = 50.0
        for key, parameter in model.encoder.named_parameters():
            if key.startswith(("mean", "sigma", "mixed", "bar_")):
                parameter.zero_()
        model.encoder.mixed_sigma.bias.fill_(math.log(math.expm1(1.0)))
    return model


def test_a_model_that_writes_holds_is_right_at_every_hold() -> None:
    """Three steps of four in the data are holds, and no onset is one."""
    figures = evaluate(stubborn(0), dataset(small("melody-2bar"), rows=9), batch_size=4)
    assert figures.keys() == FIGURES
    for how in ("teacher", "sampled", "greedy"):
        assert figures[how] == 0.75
        assert figures[f"{how}_onsets"] == 0.0
    assert figures["kl_bits"] == pytest.approx(0.0, abs=1e-4)
    assert figures["active_units"] == 0
    onsets = (6 * 32 + 3 * 24) / 4  # a third of the rows has bars of 12
    assert figures["nll_bits"] == pytest.approx(onsets * 50 / math.log(2) / 9, rel=1e-3)
    assert figures["bits_per_onset"] == pytest.approx(50 / math.log(2), rel=1e-3)
    assert figures["examples"] == 9


@pytest.mark.parametrize("name", MELODIES)
def test_figures_are_the_means_over_valid_steps(name: str) -> None:
    model, data = build(name), dataset(small(name), rows=6)
    figures = evaluate(model, data, seed=1)
    tokens = torch.from_numpy(data.tokens.astype(np.int64))
    lengths = torch.from_numpy(data.lengths.astype(np.int64))
    with torch.no_grad():
        result = model(tokens, lengths, generator=torch.Generator().manual_seed(1))
        greedy = model.decode(result.posterior.mean, lengths, 0.0) == tokens
    mask, onsets = result.mask, result.mask & (tokens > 1)
    right = (result.logits.argmax(-1) == tokens).float()
    assert figures["teacher"] == pytest.approx(right[mask].mean().item(), abs=1e-4)
    assert figures["teacher_onsets"] == pytest.approx(right[onsets].mean().item(), abs=1e-4)
    assert figures["greedy"] == pytest.approx(greedy[mask].float().mean().item(), abs=1e-4)
    kl = result.kl.sum(1).mean().item() / math.log(2)
    assert figures["kl_bits"] == pytest.approx(kl, abs=0.02, rel=1e-4)


def test_the_seed_decides_and_batches_only_group() -> None:
    model, data = build("melody-2bar"), dataset(small("melody-2bar"), rows=6)
    assert evaluate(model, data, seed=1) == evaluate(model, data, seed=1)
    sevens = [evaluate(model, data, seed=7, batch_size=n) for n in (6, 4)]
    for name in ("greedy", "greedy_onsets", "kl_bits", "active_units", "examples"):
        assert sevens[0][name] == sevens[1][name]  # what depends on no noise


def test_progress_is_told() -> None:
    told: list[tuple[int, int]] = []
    data = dataset(small("melody-2bar"), rows=5)
    evaluate(build("melody-2bar"), data, batch_size=2, progress=lambda *at: told.append(at))
    assert told == [(2, 5), (4, 5), (5, 5)]
