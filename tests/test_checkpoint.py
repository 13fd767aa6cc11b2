"""A checkpoint gives back the model that was saved, or says in a sentence why it cannot."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from musicvae import checkpoint as module
from musicvae.checkpoint import Checkpoint, load, save
from tests.models.small import (
    WIRINGS,
    build,
    case,
    code,
    full,
    logits,
    posterior,
    small,
)


def made(name: str = "melody-2bar") -> Checkpoint:
    return Checkpoint(
        preset=small(name),
        weights=build(name).state_dict(),
        figures={"teacher": 0.9},
        card="# A card\n",
    )


def edit(folder: Path, **changes: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save(made(), tmp_path / "model")
    return tmp_path / "model"


@pytest.mark.parametrize("name", WIRINGS)
def test_a_loaded_checkpoint_gives_identical_logits(name: str, tmp_path: Path) -> None:
    model = build(name)
    save(made(name), tmp_path / name)
    loaded = load(tmp_path / name)
    again = loaded.build()
    assert (loaded.preset, loaded.figures, loaded.card) == (
        small(name),
        {"teacher": 0.9},
        "# A card\n",
    )
    assert not again.training
    given = case(model, full(model, 2))
    z = code(model, 2)
    with torch.no_grad():
        ours, theirs = posterior(model, given), posterior(again, given)
        assert torch.equal(ours.mean, theirs.mean)
        assert torch.equal(ours.std, theirs.std)
        assert torch.equal(logits(model, z, given), logits(again, z, given))


OLD_NAMES = {
    "decoder.writers.0.initial.": "decoder.view.initial.",
    "decoder.writers.0.tokens.": "decoder.tokens.",
    "decoder.writers.0.lstm.": "decoder.lstm.",
    "decoder.writers.0.head.": "decoder.head.",
}


@pytest.mark.parametrize("name", ["melody-2bar", "melody-16bar", "hierdec-mel_16bar"])
def test_a_folder_of_the_first_format_is_read_as_ever(name: str, tmp_path: Path) -> None:
    """Its decoder had one writer, whose parts were its own, under other names."""
    folder = tmp_path / "old"
    save(dataclasses.replace(made(name), latents={"mean": torch.ones(16)}), folder)
    edit(folder, format=1)
    stored = load_file(folder / "model.safetensors")
    renamed = dict[str, torch.Tensor]()
    for key, value in stored.items():
        new = next((n for n in OLD_NAMES if key.startswith(n)), "")
        renamed[OLD_NAMES.get(new, "") + key.removeprefix(new)] = value
    assert not any("writers" in key for key in renamed)
    save_file(renamed, folder / "model.safetensors")
    loaded = load(folder)
    assert loaded.latents.keys() == {"mean"}
    weights = build(name).state_dict()
    again = loaded.build().state_dict()
    assert again.keys() == weights.keys()
    assert all(torch.equal(again[key], weights[key]) for key in weights)


def test_a_folder_of_the_second_format_is_read_as_ever(saved: Path) -> None:
    """It says otherwise on what free bits are, and knows no remedy for a collapse but these."""
    path = saved / "config.json"
    config = json.loads(path.read_text())
    now = load(saved).preset
    training, model = config["preset"]["training"], config["preset"]["model"]
    for since in ("free_bits_on", "rate", "pretraining", "aggressive"):
        del training[since]
    for since in ("writer_dropout", "mean_gain"):
        del model[since]
    training["free_bits_per_dimension"] = False
    path.write_text(json.dumps(config | {"format": 2}))
    assert load(saved).preset == now
    load(saved).build()


def test_a_folder_of_this_format_may_not_use_the_old_names(saved: Path) -> None:
    stored = load_file(saved / "model.safetensors")
    stored["decoder.head.project.bias"] = stored.pop("decoder.writers.0.head.project.bias")
    save_file(stored, saved / "model.safetensors")
    with pytest.raises(ValueError, match=r"missing .*head.project.bias; surplus decoder.head"):
        load(saved).build()


def test_half_precision_halves_the_file_and_is_read_as_float32(tmp_path: Path) -> None:
    save(made(), tmp_path / "full")
    save(made(), tmp_path / "half", torch.float16)
    sizes = [(tmp_path / f / "model.safetensors").stat().st_size for f in ("full", "half")]
    assert sizes[1] < 0.6 * sizes[0]
    weights = load(tmp_path / "half").build().state_dict()
    for key, value in build("melody-2bar").state_dict().items():
        assert weights[key].dtype == torch.float32
        torch.testing.assert_close(weights[key], value, atol=1e-3, rtol=1e-3)


def test_saving_again_replaces_and_leaves_nothing_beside(saved: Path) -> None:
    save(dataclasses.replace(made(), card="second"), saved)
    assert load(saved).card == "second"
    assert sorted(p.name for p in saved.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    assert [p.name for p in saved.parent.iterdir()] == ["model"]


def test_a_failed_save_leaves_the_old_one(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "save_file", fail)
    with pytest.raises(OSError, match="No space"):
        save(dataclasses.replace(made(), card="second"), saved)
    assert load(saved).card == "# A card\n"
    assert [p.name for p in saved.parent.iterdir()] == ["model"]


def test_config_and_weights_that_disagree_are_told_apart(saved: Path) -> None:
    preset = json.loads((saved / "config.json").read_text())["preset"]
    preset["model"]["z"] = 32
    edit(saved, preset=preset)
    with pytest.raises(ValueError, match=r"config.json and its weights disagree .*not \("):
        load(saved).build()


def test_missing_and_surplus_weights_are_named() -> None:
    weights = dict(build("melody-2bar").state_dict())
    weights["decoder.extra"] = weights.pop("decoder.writers.0.head.project.bias")
    with pytest.raises(
        ValueError, match=r"missing decoder.writers.0.head.project.bias; surplus decoder.extra"
    ):
        dataclasses.replace(made(), weights=weights).build()


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 99}, "has format 99, and this version of musicvae reads up to 3; update with"),
        ({"format": "new"}, "format 'new', which is no version number"),
        ({"preset": {"kind": "Prest"}}, "there is no kind 'Prest'; did you mean 'Preset'"),
        ({"preset": {"kind": "Constant", "value": 1.0}}, "its 'preset' is .*no preset"),
        ({"preset": 3}, "its 'preset' is 3, no preset"),
    ],
)
def test_a_config_that_says_something_else_is_refused(
    saved: Path, change: dict[str, object], said: str
) -> None:
    edit(saved, **change)
    with pytest.raises(ValueError, match=said) as refused:
        load(saved)
    assert str(saved) in str(refused.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 1}', "\x00\x01"])
def test_a_config_that_is_none_is_refused(saved: Path, text: str) -> None:
    (saved / "config.json").write_text(text)
    with pytest.raises(ValueError, match=r"not readable as JSON|no musicvae configuration"):
        load(saved)


def test_damaged_and_missing_files_are_named(saved: Path) -> None:
    weights = saved / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(ValueError, match=r"model.safetensors is damaged or no safetensors file"):
        load(saved)
    weights.unlink()
    with pytest.raises(ValueError, match=r"has no model.safetensors; copy it whole"):
        load(saved)
    (saved / "config.json").unlink()
    with pytest.raises(ValueError, match=r"is no checkpoint: it has no config.json"):
        load(saved)
