"""Training learns, can be broken off anywhere, and never leaves a state that cannot go on."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from musicvae.checkpoint import load
from musicvae.config import override
from musicvae.models.vae import Reconstruction, SequenceVAE
from musicvae.training import trainer as module
from musicvae.training.trainer import Trainer
from tests.models.small import MELODIES, small
from tests.training.runs import Heard, assert_identical, assert_repeats, everything, tiny, trainer
from tests.training.small_data import dataset


@pytest.mark.parametrize("name", MELODIES)
def test_a_resumed_training_repeats_one_never_broken_off(name: str, tmp_path: Path) -> None:
    """The same losses to the last bit, weights, average and optimiser too: once left by reaching
    a step, once by an interruption."""
    preset = tiny(
        name, batch_size=3, updates=4, sampling={"kind": "Constant", "value": 0.3}, ema=0.9
    )
    whole, broken = Heard(), [Heard(), Heard(stop=1), Heard()]
    once = trainer(preset, tmp_path / "once")
    once.run(whole)
    trainer(preset, tmp_path / "broken").run(broken[0], until=1)
    with pytest.raises(KeyboardInterrupt):
        trainer(preset, tmp_path / "broken").run(broken[1])
    last = trainer(preset, tmp_path / "broken")
    assert last.done == 2
    last.run(broken[2])
    assert [p.step for heard in broken for p in heard.steps] == [1, 2, 3, 4]
    assert [loss for heard in broken for loss in heard.losses] == whole.losses
    assert len(set(whole.losses)) == 4
    assert_identical(everything(once), everything(last))


def test_dropout_is_repeated_too(tmp_path: Path) -> None:
    """It draws from PyTorch's own generator, not from ours."""
    preset = tiny("cat-mel_2bar_big", batch_size=3, updates=3)
    for part in ("dropout", "writer_dropout"):
        preset = override(preset, f"model.{part}", "0.4")
    assert_repeats(preset, tmp_path, 1)


def test_noise_follows_from_the_seed_and_the_step(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a CPU PyTorch heeds but 32 bits of a seed: steps of two seeds must differ in these."""
    seen = []
    forward = SequenceVAE.forward

    def spied(self: SequenceVAE, *args: Any, **settings: Any) -> Reconstruction:
        seen.append(settings["generator"].initial_seed() % 2**32)
        return forward(self, *args, **settings)

    monkeypatch.setattr(SequenceVAE, "forward", spied)
    for seed in (0, 1, 2**32, 2**40):
        run = trainer(tiny(), tmp_path / str(seed), seed=seed)
        for _ in range(3):
            run.update()
    assert len(set(seen)) == 12


@pytest.mark.parametrize("name", MELODIES)
def test_training_learns(name: str, tmp_path: Path) -> None:
    fast, never = ({"kind": "Constant", "value": value} for value in (0.02, 0.0))
    preset = tiny(name, updates=25, augment=False, learning_rate=fast, sampling=never)
    heard = Heard()
    trainer(preset, tmp_path).run(heard)
    assert heard.steps[-1].reconstruction < 0.6 * heard.steps[0].reconstruction
    assert heard.steps[-1].accuracy > heard.steps[0].accuracy
    first = heard.steps[0].reconstruction / preset.representation.spec.length
    assert first == pytest.approx(math.log(90) * 11 / 12, rel=0.2)  # some are in 3/4


def test_the_seed_decides(tmp_path: Path) -> None:
    runs = []
    for i, seed in enumerate((0, 0, 1)):
        heard = Heard()
        trainer(tiny(), tmp_path / str(i), seed=seed).run(heard, until=2)
        runs.append(heard.losses)
    assert runs[0] == runs[1] != runs[2]


@pytest.mark.parametrize("seed", [2**31, 2**40, 2**63])
def test_any_seed_will_do(seed: int, tmp_path: Path) -> None:
    trainer(tiny(), tmp_path, seed=seed).update()


def test_the_schedules_are_followed(tmp_path: Path) -> None:
    preset, heard = tiny(), Heard()
    trainer(preset, tmp_path).run(heard)
    for i, progress in enumerate(heard.steps):
        assert progress.beta == preset.training.beta.at(i)
        assert progress.learning_rate == preset.training.learning_rate.at(i)
        assert progress.loss == pytest.approx(
            progress.reconstruction + progress.beta * progress.kl_bits * math.log(2), rel=1e-5
        )


def test_the_average_follows_the_weights(tmp_path: Path) -> None:
    run = trainer(tiny(ema=0.5), tmp_path)
    expected = {k: v.clone() for k, v in run.average.items()}
    for step in (1, 2, 3):
        run.update()
        keep = min(0.5, step / (step + 20))
        for key, value in run.model.state_dict().items():
            expected[key] = keep * expected[key] + (1 - keep) * value
    for key, value in run.averaged().state_dict().items():
        torch.testing.assert_close(value, expected[key])


def test_without_an_average_the_checkpoint_holds_the_weights(tmp_path: Path) -> None:
    run = trainer(tiny("cat-mel_2bar_small"), tmp_path)
    run.run(Heard(), until=2)
    assert_identical(dict(load(tmp_path / "checkpoint").weights), run.model.state_dict())


def test_what_is_clipped_is_the_norm_of_the_whole_gradient(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(tiny(clip_norm=0.01), tmp_path)
    norms: list[float] = []

    def look() -> None:
        gradients = [p.grad for p in run.model.parameters() if p.grad is not None]
        norms.append(float(torch.stack([g.norm() for g in gradients]).norm()))

    monkeypatch.setattr(run.optimiser, "step", look)
    run.update()
    assert norms == [pytest.approx(0.01, rel=1e-3)]


def test_a_gradient_that_is_not_finite_stops_before_it_does_harm(tmp_path: Path) -> None:
    run = trainer(tiny(), tmp_path)
    run.run(Heard(), until=2)
    before = everything(run)
    with torch.no_grad():
        run.model.decoder.writers[0].head.project.bias[0] = math.inf
    with pytest.raises(ValueError, match=r"gradient .* at step 2; lower the learning rate"):
        run.update()
    assert run.done == 2
    with torch.no_grad():
        run.model.decoder.writers[0].head.project.bias[0] = before[
            "model.decoder.writers.0.head.project.bias"
        ][0]
    assert_identical(before, everything(run))


def test_an_interruption_in_the_midst_of_a_step_saves_nothing_half_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trainer(tiny(), tmp_path, save_every=2)
    step, calls = run.optimiser.step, []

    def interrupted() -> None:
        step()
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(run.optimiser, "step", interrupted)
    with pytest.raises(KeyboardInterrupt):
        run.run(Heard())
    assert trainer(tiny(), tmp_path).done == 2


def test_the_precision_of_a_run_stays_what_it_was_begun_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "best_dtype", lambda _: torch.float32)
    trainer(tiny(), tmp_path, dtype=None).run(Heard(), until=1)
    monkeypatch.setattr(module, "best_dtype", lambda _: torch.bfloat16)
    assert trainer(tiny(), tmp_path, dtype=None).dtype == torch.float32
    assert trainer(tiny(), tmp_path / "other", dtype=None).dtype == torch.bfloat16


def test_another_model_in_the_same_folder_is_refused(tmp_path: Path) -> None:
    trainer(tiny(), tmp_path).run(Heard(), until=1)
    other = override(tiny(), "model.decoder.units", "[9]")
    with pytest.raises(ValueError, match="begun with another model than it is now given"):
        trainer(other, tmp_path)
    longer = tiny(updates=9)  # how it is trained may change
    assert trainer(longer, tmp_path).done == 1


def test_data_of_another_representation_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="musicvae prepare --preset melody-2bar"):
        Trainer(tiny(), dataset(small("melody-16bar")), tmp_path)


def test_the_log_holds_every_step_and_validation(tmp_path: Path) -> None:
    preset, heard = tiny(), Heard()
    run = trainer(preset, tmp_path, valid=dataset(preset, seed=5), save_every=3)
    run.run(heard)
    entries = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    assert [e["step"] for e in entries if "loss" in e] == [1, 2, 3, 4, 5, 6]
    assert [e["loss"] for e in entries if "loss" in e] == heard.losses
    assert [(e["step"], e["valid"]) for e in entries if "valid" in e] == heard.validations
    assert [step for step, _ in heard.validations] == [3, 6]
    assert heard.steps[-1].updates == 6
    assert load(tmp_path / "checkpoint").preset == preset
