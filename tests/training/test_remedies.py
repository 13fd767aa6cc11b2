"""What keeps the posterior from collapsing does what its definition says, survives a break, and a
run that collapses is told which of them to try."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from musicvae.config import (
    Aggressive,
    Flat,
    NoEncoder,
    Pretraining,
    TargetRate,
    TrainingConfig,
    override,
)
from musicvae.losses import NATS_PER_BIT, elbo, gaussian_kl
from musicvae.models.vae import Reconstruction, SequenceVAE
from musicvae.schedules import Constant, Cyclical, ExponentialRise, LinearRamp
from musicvae.training import trainer as module
from musicvae.training.remedies import Remedies, advice, frozen, information_of, lead
from musicvae.training.trainer import Trainer
from tests.models.small import small
from tests.training.runs import Heard, assert_identical, assert_repeats, everything, tiny, trainer
from tests.training.small_data import dataset

FLAT = "cat-mel_2bar_small"
PRETRAINED: dict[str, Any] = {
    "batch_size": 3,
    "updates": 5,
    "pretraining": {"kind": "Pretraining", "updates": 2},
    "beta": {"kind": "LinearRamp", "end": 1.0, "steps": 4},
    "ema": 0.9,
}
LEADING: dict[str, Any] = {
    "batch_size": 3,
    "updates": 4,
    "aggressive": {"kind": "Aggressive", "most": 5, "window": 2, "measured": 1},
}


def config(**settings: Any) -> TrainingConfig:
    return TrainingConfig(**{"batch_size": 4, "updates": 400, **settings})


def part(run: Trainer, name: str) -> dict[str, Tensor]:
    state = getattr(run.model, name).state_dict()
    return {k: v.detach().clone() for k, v in state.items()}


def moved(before: dict[str, Tensor], after: dict[str, Tensor]) -> bool:
    return any(not torch.equal(before[k], after[k]) for k in before)


# A target rate (Pelsmaeker & Aziz 2020).


def test_the_multiplier_moves_by_what_is_missing_and_is_never_negative() -> None:
    rate, remedies = TargetRate(bits=3 / NATS_PER_BIT, speed=0.1), Remedies()
    values = []
    for kl in (1.0, 2.5, 3.0, 4.0, 9.0, 2.0):
        remedies.keep_rate(rate, kl)
        values.append(remedies.multiplier)
    assert values == pytest.approx([0.2, 0.25, 0.25, 0.15, 0.0, 0.1])


def test_what_a_nat_costs_is_beta_less_the_multiplier() -> None:
    remedies = Remedies(multiplier=0.75)
    ramp = config(beta=LinearRamp(end=1.0, steps=4))
    assert [remedies.beta(ramp, step) for step in (0, 2, 4)] == [-0.75, -0.25, 0.25]


@pytest.mark.parametrize(("target", "noise"), [(0.5, 1.5), (1.0, 1.0), (2.0, 1.0)])
def test_a_rate_settles_at_its_target_where_the_model_would_do_without_z(
    target: float, noise: float
) -> None:
    """x ~ N(0, 1), q(z | x) = N(a x, s^2), p(x | z) = N(b z, noise^2), with the expected costs in
    closed form. There the KL would be at most -ln(noise) where nothing held it."""
    theta = torch.tensor([0.3, 0.3, 0.0], requires_grad=True)  # a, b, ln s
    optimiser = torch.optim.Adam([theta], lr=0.05)
    rate, remedies = TargetRate(bits=target / NATS_PER_BIT, speed=0.005), Remedies()
    always, rates = config(beta=Constant(value=1.0)), []
    for step in range(600):
        a, b, s = theta[0], theta[1], theta[2].exp()
        nll = ((1 - a * b) ** 2 + (b * s) ** 2) / (2 * noise**2)
        kl = gaussian_kl(a[None, None], s[None, None])  # in the mean over x, as E[x^2] is 1
        terms = elbo(nll[None], kl, beta=remedies.beta(always, step))
        optimiser.zero_grad()
        terms.loss.backward()
        optimiser.step()
        remedies.keep_rate(rate, terms.kl.item())
        rates.append(terms.kl.item())
    assert sum(rates[-200:]) / 200 == pytest.approx(target, rel=0.1)
    assert remedies.multiplier > 0


def test_training_keeps_a_rate_by_that_recurrence(tmp_path: Path) -> None:
    rate = {"kind": "TargetRate", "bits": 40.0, "speed": 0.01}
    preset = tiny(FLAT, updates=4, rate=rate, beta={"kind": "Constant", "value": 0.5})
    run, heard = trainer(preset, tmp_path), Heard()
    run.run(heard)
    multiplier = 0.0
    for progress in heard.steps:
        assert progress.beta == pytest.approx(0.5 - multiplier)
        kl = progress.kl_bits * math.log(2)
        assert progress.loss == pytest.approx(progress.reconstruction + progress.beta * kl)
        multiplier = max(0.0, multiplier + 0.01 * (40 * math.log(2) - kl))
    assert run.remedies.multiplier == pytest.approx(multiplier)
    assert multiplier > 0.5  # what costs less than nothing is bought


def test_a_multiplier_survives_a_break(tmp_path: Path) -> None:
    rate = {"kind": "TargetRate", "bits": 40.0, "speed": 0.01}
    assert_repeats(tiny(FLAT, batch_size=3, updates=4, rate=rate), tmp_path, 1, 2)


# Pretraining as an autoencoder, and another decoder (Li et al. 2019).


def test_z_costs_nothing_in_pretraining_and_beta_begins_behind_it() -> None:
    remedies, ramp = Remedies(multiplier=0.0), LinearRamp(end=1.0, steps=4)
    pretrained = config(beta=ramp, pretraining=Pretraining(updates=10))
    assert [remedies.beta(pretrained, step) for step in range(10)] == [0.0] * 10
    assert [remedies.beta(pretrained, 10 + s) for s in range(9)] == [ramp.at(s) for s in range(9)]
    constant = config(beta=Constant(value=1.0), pretraining=Pretraining(updates=3))
    assert [remedies.beta(constant, step) for step in range(5)] == [0, 0, 0, 1, 1]


def test_the_loss_in_pretraining_is_that_of_an_autoencoder(tmp_path: Path) -> None:
    run, heard = trainer(tiny(FLAT, **PRETRAINED), tmp_path), Heard()
    run.run(heard)
    assert [p.beta for p in heard.steps] == [0, 0, 0, 0.25, 0.5]
    for progress in heard.steps:
        kl = progress.kl_bits * math.log(2)
        assert progress.loss == pytest.approx(progress.reconstruction + progress.beta * kl)


def test_the_decoder_begins_anew_right_then_and_the_encoder_does_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(tiny(FLAT, **PRETRAINED), tmp_path)
    first = part(run, "decoder")
    begun_anew = []
    for step in range(5):
        encoder, decoder = part(run, "encoder"), part(run, "decoder")
        learned = run.optimiser.step
        monkeypatch.setattr(run.optimiser, "step", lambda: None)
        run.update()  # moves nothing but what a reset moves
        assert not moved(encoder, part(run, "encoder"))
        if moved(decoder, part(run, "decoder")):
            begun_anew.append(step)
            weights = part(run, "decoder")
            assert moved(first, weights)  # not the one that the run began with
            forget = weights["writers.0.lstm.layers.0.bias_ih_l0"]
            assert forget.unique().tolist() == [0.0, 1.0]  # as before any training
        monkeypatch.setattr(run.optimiser, "step", learned)
    assert begun_anew == [2]


def test_what_the_optimiser_and_the_average_knew_of_the_decoder_is_forgotten(
    tmp_path: Path,
) -> None:
    run = trainer(tiny(FLAT, **PRETRAINED), tmp_path)
    for _ in range(2):
        run.update()
    restarted = Trainer._restart_decoder

    def seen(self: Trainer) -> None:
        restarted(self)
        began.update({k: v.detach().clone() for k, v in self.model.state_dict().items()})

    began: dict[str, Tensor] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Trainer, "_restart_decoder", seen)
        run.update()
    for name, steps in (("encoder", 3), ("decoder", 1)):
        for parameter in getattr(run.model, name).parameters():
            assert run.optimiser.state[parameter]["step"].item() == steps
    now = min(0.9, 3 / 23)
    for key, value in run.model.state_dict().items():
        torch.testing.assert_close(run.average[key], now * began[key] + (1 - now) * value)


@pytest.mark.parametrize("broken", [1, 2, 3], ids=["before", "at the reset", "after"])
def test_pretraining_survives_a_break(broken: int, tmp_path: Path) -> None:
    assert_repeats(tiny(FLAT, **PRETRAINED), tmp_path, broken)


# An encoder that is trained ahead of the decoder (He et al. 2019).


@pytest.mark.parametrize(
    ("losses", "updates"),
    [
        ([5, 4, 3, 3, 2, 4, 0, 0], 6),  # windows of 9, 6, 6
        ([5, 5, 6, 6, 0, 0], 4),
        ([9, 1, 1, 8, 2, 6, 4, 4], 8),  # 10, 9, 8, 8
        (range(1000, 0, -1), 20),  # falls for ever
    ],
)
def test_the_encoder_leads_until_the_loss_over_a_window_no_longer_falls(
    losses: list[float], updates: int
) -> None:
    asked = []

    def update(k: int) -> float:
        asked.append(k)
        return float(losses[k - 1])

    assert lead(Aggressive(most=20, window=2), update) == updates
    assert asked == list(range(1, updates + 1))


def test_no_more_updates_are_made_than_the_most() -> None:
    assert lead(Aggressive(most=3, window=10), lambda k: 1.0) == 3


def test_the_lead_is_over_for_good_once_z_says_no_more_than_it_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: Iterator[float] = iter([1.0, 2.0, 2.0, 9.0])
    monkeypatch.setattr(module, "information_of", lambda *_: next(said))
    run = trainer(tiny(FLAT, **{**LEADING, "updates": 6}), tmp_path)
    led = []
    for _ in range(5):
        led.append(run.remedies.leading)
        run.update()
    assert led == [True, True, True, False, False]
    assert run.remedies.information == 2.0
    assert next(said) == 9.0  # is not asked for any longer


def test_information_is_measured_every_so_many_updates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(module, "information_of", lambda *_: asked.append(run.done) or run.done)
    often = {"kind": "Aggressive", "most": 1, "window": 1, "measured": 3}
    run = trainer(tiny(FLAT, **{**LEADING, "updates": 8, "aggressive": often}), tmp_path)
    run.run(Heard())
    assert asked == [3, 6]


def test_only_the_encoder_moves_in_the_lead_and_only_the_decoder_after_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On batches of their own: none of those of the lead is that of the step itself."""
    run = trainer(tiny(FLAT, **LEADING, weight_decay=0.1), tmp_path)
    take, steps = run._step, list[tuple[bool, bool]]()
    batches, noise = list[Tensor](), list[Tensor]()
    forward = SequenceVAE.forward

    def spied(found: Any) -> Any:
        before = part(run, "encoder"), part(run, "decoder")
        result = take(found)
        steps.append(
            (moved(before[0], part(run, "encoder")), moved(before[1], part(run, "decoder")))
        )
        return result

    def read(self: SequenceVAE, tokens: Tensor, *args: Any, **settings: Any) -> Reconstruction:
        result = forward(self, tokens, *args, **settings)
        batches.append(tokens)
        noise.append(settings["generator"].get_state())
        return result

    monkeypatch.setattr(run, "_step", spied)
    monkeypatch.setattr(SequenceVAE, "forward", read)
    run.update()
    assert steps[:-1] == [(True, False)] * (len(steps) - 1)
    assert steps[-1] == (False, True)
    assert 2 <= len(steps) - 1 <= 5
    for drawn in (batches, noise):
        assert len({tuple(d.flatten().tolist()) for d in drawn}) == len(steps)
    assert all(p.requires_grad for p in run.model.parameters())
    run.remedies.leading = False
    steps.clear()
    run.update()
    assert steps == [(True, True)]


def test_a_frozen_part_is_thawed_whatever_happens() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    model[0].bias.requires_grad_(False)

    def interrupted() -> None:
        with frozen(model[0]):
            assert [p.requires_grad for p in model.parameters()] == [False, False, True, True]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [p.requires_grad for p in model.parameters()] == [True, False, True, True]


@pytest.mark.parametrize("said", [(1.0, 2.0, 3.0, 4.0), (1.0, 0.5, 9.0, 9.0)])
def test_a_lead_survives_a_break(
    said: tuple[float, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Trainer, "_judge_lead", _judged(said))
    assert_repeats(tiny(FLAT, **LEADING), tmp_path, 1, 2, 3)


def _judged(said: tuple[float, ...]) -> Any:
    """What z is found to say after each step."""
    return lambda self, _: self.remedies.judge_lead(said[self.done - 1])


def test_information_is_that_of_the_codes_and_no_more_than_the_log_of_their_number() -> None:
    preset = small(FLAT)
    data = dataset(preset, rows=20)
    _, times = np.unique(data.tokens, axis=0, return_counts=True)
    assert times.max() > 1  # two that are the same tell nothing of which of them it is
    torch.manual_seed(0)
    model = SequenceVAE(preset.representation.spec, preset.model)
    before = information_of(model, data, seed=1)
    assert before == pytest.approx(0.0, abs=0.02)  # no posterior differs from another
    with torch.no_grad():
        for parameter in model.encoder.parameters():
            parameter.normal_(std=0.6)
        model.encoder.sigma.weight.zero_()
        model.encoder.sigma.bias.fill_(-9.0)
    after = information_of(model, data, seed=1)
    apart = math.log(20) - float((times * np.log(times)).sum()) / 20
    assert after == pytest.approx(apart, abs=0.005)
    assert after == information_of(model, data, seed=1)


# Words hidden from the decoder (Bowman et al. 2016).


def test_tokens_are_hidden_from_the_decoder_as_often_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[Tensor | None] = []
    forward = SequenceVAE.forward

    def spied(self: SequenceVAE, *args: Any, **settings: Any) -> Reconstruction:
        kept.append(settings["keep"])
        return forward(self, *args, **settings)

    monkeypatch.setattr(SequenceVAE, "forward", spied)
    run = trainer(tiny(FLAT, batch_size=60, updates=4, token_dropout=0.3), tmp_path)
    for _ in range(4):
        run.update()
    found = [k for k in kept if k is not None]
    assert len(found) == 4
    assert not torch.equal(found[0], found[1])
    hidden = 1 - torch.stack(found).float()  # 4 * 60 * 32 coins: a deviation of 0.005
    assert hidden.mean().item() == pytest.approx(0.3, abs=0.02)
    assert hidden.mean(0).std() < 0.3  # no step is favoured
    kept.clear()
    trainer(tiny(FLAT, updates=1), tmp_path / "none").update()
    assert kept == [None]


def test_hidden_tokens_survive_a_break(tmp_path: Path) -> None:
    preset = tiny(FLAT, batch_size=3, updates=3, token_dropout=0.5)
    assert_repeats(preset, tmp_path, 1)


# Normed means.


def test_normed_means_are_averaged_with_their_moments_and_survive_a_break(tmp_path: Path) -> None:
    preset = override(tiny(FLAT, batch_size=3, updates=4, ema=0.5), "model.mean_gain", "0.6")
    assert_repeats(preset, tmp_path, 1, 3)
    run = trainer(preset, tmp_path / "again")
    expected = {k: v.clone() for k, v in run.average.items()}
    assert {"encoder.running_mean", "encoder.running_var"} < expected.keys()
    for step in (1, 2, 3):
        run.update()
        keep = min(0.5, step / (step + 20))
        for key, value in run.model.state_dict().items():
            expected[key] = keep * expected[key] + (1 - keep) * value
    found = run.averaged().state_dict()
    for key in ("encoder.running_mean", "encoder.running_var", "encoder.offset"):
        torch.testing.assert_close(found[key], expected[key])
        assert not torch.equal(found[key], torch.full_like(found[key], key.endswith("var")))


# A language model.


def test_a_model_without_an_encoder_trains_and_is_not_said_to_collapse(tmp_path: Path) -> None:
    fast, never = ({"kind": "Constant", "value": value} for value in (0.02, 0.0))
    preset = tiny(FLAT, updates=25, augment=False, learning_rate=fast, sampling=never)
    model = replace(preset.model, z=0, encoder=NoEncoder(), decoder=Flat(units=(11,)))
    preset = replace(preset, model=model)
    heard = Heard()
    run = trainer(preset, tmp_path, valid=dataset(preset, seed=5), save_every=5)
    run.run(heard)
    assert all(p.kl_bits == 0 for p in heard.steps)
    assert heard.steps[-1].loss < 0.8 * heard.steps[0].loss
    assert heard.warnings == []
    assert [f["kl_bits"] for _, f in heard.validations] == [0.0] * 5
    again = trainer(preset, tmp_path)
    assert again.done == 25
    assert_identical(everything(run), everything(again))


# What a run is told.

RISING = LinearRamp(end=1.0, steps=200)
WELL = 20.0  # nats
SEEN = math.log(1024)


@pytest.mark.parametrize(
    ("kl", "before", "information", "ceiling", "said"),
    [
        (0.69, 0.0, 0.0, SEEN, "has collapsed: z carries 1.00 bits"),
        (0.0, WELL, 0.0, SEEN, "has collapsed: z carries 0.00 bits"),
        (
            3.0,
            6.1,
            3.0,
            SEEN,
            "is collapsing: z carries 4.3 bits, less than half of the 8.8 before",
        ),
        (WELL, WELL, 5.9, 99.0, "costs 28.9 bits but says only 8.5 of its sequence"),
        (WELL, WELL, 2.0, SEEN, "costs 28.9 bits but says only 2.9 of its sequence"),
        (3.0, 5.9, 3.0, SEEN, None),  # more than half
        (8.0, 40.0, 6.0, SEEN, None),  # fell by far, but has enough
        (WELL, WELL, 6.1, 99.0, None),
        (WELL, WELL, 2.1, SEEN, None),  # no more can be seen among so few
        (0.71, 0.0, 0.7, SEEN, None),
    ],
)
def test_what_is_wrong_is_said_in_words(
    kl: float, before: float, information: float, ceiling: float, said: str | None
) -> None:
    found = advice(config(), kl, before, information, ceiling)
    assert found is None if said is None else said in (found or "")


@given(kl=st.floats(0, 100), before=st.floats(0, 100), information=st.floats(0, 7))
def test_nothing_is_said_when_all_is_well(kl: float, before: float, information: float) -> None:
    well = kl >= 0.7 and (kl >= before / 2 or kl >= 7) and information >= 0.3 * min(kl, 7)
    assert (advice(config(), kl, before, information, 7.0) is None) is well


@pytest.mark.parametrize(
    ("settings", "remedy"),
    [
        ({"beta": Constant(value=1.0)}, "training.beta="),
        ({"beta": ExponentialRise(limit=1.0)}, "training.beta="),  # there from step 1 on
        ({"beta": RISING}, "training.free_bits=8"),
        ({"beta": Cyclical(steps=400)}, "training.free_bits=8"),
        ({"beta": ExponentialRise(limit=0.2, rate=0.99)}, "training.free_bits=8"),
        ({"beta": RISING, "free_bits": 4.0}, "training.pretraining="),
        ({"beta": RISING, "rate": TargetRate(bits=8)}, "training.pretraining="),
        (
            {"beta": RISING, "free_bits": 4.0, "pretraining": Pretraining(updates=9)},
            "model.mean_gain=",
        ),
    ],
)
def test_the_remedy_is_the_cheapest_that_is_not_in_use(
    settings: dict[str, Any], remedy: str
) -> None:
    text = advice(config(**settings), 0.1, 0.1, 0.0, SEEN)
    assert text is not None
    assert re.findall(r"--set '?([\w.]+=)", text)[0] == remedy[: remedy.index("=") + 1]
    assert remedy in text


def test_whoever_follows_the_advice_is_led_from_one_remedy_to_the_next() -> None:
    """Every setting in the words is one that `musicvae train --set` takes."""
    preset, told = small(FLAT, beta={"kind": "Constant", "value": 1.0}, free_bits=0.0), []
    for _ in range(4):
        text = advice(preset.training, 0.1, 0.1, 0.0, SEEN) or ""
        settings = re.findall(r"--set ('[^']*'|[\w.=]+)", text)
        for setting in settings:
            path, _, value = shlex.split(setting)[0].rstrip(".").partition("=")
            preset = override(preset, path, value)
            told.append(path)
    assert told == [
        "training.beta",
        "training.free_bits",
        "training.pretraining",
        "model.mean_gain",
        "training.token_dropout",
    ]
    assert preset.training.beta.at(preset.training.updates) == 1.0
    assert preset.training.pretraining is not None


@pytest.mark.parametrize(
    ("sigma", "spread", "said"),
    [
        (1.0, 0.0, "the posterior has collapsed"),  # begins as the prior and has no time to leave
        (0.1, 0.0, "the rate is noise"),
        (0.1, 1.0, None),
    ],
)
def test_a_run_is_told_what_becomes_of_its_posterior(
    sigma: float, spread: float, said: str | None, tmp_path: Path
) -> None:
    preset = tiny(FLAT, updates=4, beta={"kind": "Constant", "value": 1.0})
    preset = override(preset, "model.sigma", str(sigma))
    run, heard = trainer(preset, tmp_path, valid=dataset(preset), save_every=2), Heard()
    with torch.no_grad():
        run.model.encoder.mean.weight.normal_(std=spread)
    run.run(heard)
    if said is None:
        assert heard.warnings == []
    else:
        (warning,) = heard.warnings  # not at the first save: a posterior takes time to open
        assert said in warning
        assert "--set 'training.beta=" in warning
