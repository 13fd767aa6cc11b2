from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from musicvae.catalogue import find
from musicvae.checkpoint import Checkpoint, load
from musicvae.config import Bidirectional, Conductor, Flat, ModelConfig
from musicvae.interop.js_export import config_for, export_magenta_js
from musicvae.interop.magenta_js import import_magenta_js, read_magenta_js
from musicvae.presets import PRESETS
from musicvae.representations.groove import Groove
from musicvae.representations.groove_tasks import Humanize, Tap
from musicvae.representations.melody import Melody
from musicvae.representations.meters import Native
from tests.interop.js_models import KINDS, checkpoint, lengths

EXPRESSED = {
    "cat-drums_2bar_big",
    "cat-drums_2bar_small",
    "cat-mel_2bar_big",
    "cat-mel_2bar_med_chords",
    "cat-mel_2bar_small",
    "groovae_2bar_add_closed_hh",
    "groovae_2bar_hits_control_tfds",
    "groovae_2bar_humanize",
    "groovae_2bar_tap_fixed_velocity",
    "groovae_2bar_tap_fixed_velocity_note_dropout",
    "groovae_4bar",
    "hier-mel_16bar",
    "hier-multiperf_vel_1bar_big",
    "hier-multiperf_vel_1bar_big_chords",
    "hier-multiperf_vel_1bar_med",
    "hier-multiperf_vel_1bar_med_chords",
    "hier-trio_16bar",
    "nade-drums_2bar_full",
    "nade-drums_2bar_reduced",
}


@pytest.mark.parametrize("name", KINDS)
def test_what_is_exported_and_imported_again_is_the_same(name: str, tmp_path: Path) -> None:
    """Config, weights but for how a bias is shared out, and what is decoded."""
    before = checkpoint(KINDS[name])
    export_magenta_js(before, tmp_path / "out")
    after = import_magenta_js(tmp_path / "out")
    assert after.preset.representation == before.preset.representation
    assert after.preset.model == before.preset.model
    for key, weight in before.weights.items():
        if "bias_ih" in key:
            both = weight + before.weights[key.replace("_ih_", "_hh_")]
            same = after.weights[key] + after.weights[key.replace("_ih_", "_hh_")]
            torch.testing.assert_close(same, both, rtol=0, atol=1e-6)
        elif "bias_hh" not in key:
            torch.testing.assert_close(after.weights[key], weight, rtol=0, atol=0)
    z = torch.randn(4, before.preset.model.z)
    torch.testing.assert_close(_decoded(after, z), _decoded(before, z), rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", KINDS)
def test_the_second_time_every_bit_is_the_same(name: str, tmp_path: Path) -> None:
    export_magenta_js(checkpoint(KINDS[name]), tmp_path / "one")
    first = import_magenta_js(tmp_path / "one")
    export_magenta_js(first, tmp_path / "two")
    second = import_magenta_js(tmp_path / "two")
    assert all(torch.equal(second.weights[k], w) for k, w in first.weights.items())
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


@pytest.mark.parametrize(("bits", "most"), [(8, 0.4), (16, 0.03)])
def test_quantized_weights_are_smaller_and_decode_nearly_the_same(
    bits: int, most: float, tmp_path: Path
) -> None:
    """These models have random weights and look for the nearest tie; trained ones change less."""
    before = checkpoint(KINDS["melody"])
    export_magenta_js(before, tmp_path / "whole")
    export_magenta_js(before, tmp_path / "small", bits)
    whole, small = (
        sum(file.stat().st_size for file in (tmp_path / name).glob("*.bin"))
        for name in ("whole", "small")
    )
    assert small * 32 == whole * bits
    z = torch.randn(64, before.preset.model.z)
    after = import_magenta_js(tmp_path / "small")
    key = "encoder.mean.weight"
    assert 0 < (after.weights[key] - before.weights[key]).abs().max() < 2 / 2**bits * 4
    assert (_decoded(after, z) != _decoded(before, z)).float().mean() < most


def test_the_config_is_the_published_one(tmp_path: Path) -> None:
    export_magenta_js(checkpoint(KINDS["melody triads key"]), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "config.json").read_text()) == {
        "type": "MusicVAE",
        "dataConverter": {
            "type": "MelodyConverter",
            "args": {"numSteps": 32, "minPitch": 21, "maxPitch": 108},
        },
        "chordEncoder": "TriadChordEncoder",
        "conditionOnKey": True,
    }


@pytest.mark.parametrize("name", PRESETS)
def test_which_presets_can_be_expressed(name: str) -> None:
    described = Checkpoint(preset=PRESETS[name], weights={})
    if name in EXPRESSED:
        assert config_for(described)["type"] == "MusicVAE"
    else:
        with pytest.raises(ValueError, match=f"{name} cannot become a Magenta.js model: "):
            config_for(described)


FLAT = ModelConfig(z=4, encoder=Bidirectional(units=(4,)), decoder=Flat(units=(4, 4)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"model": replace(FLAT, embedding=8)}, "reads tokens one-hot"),
        ({"model": replace(FLAT, encoder=Bidirectional(units=(4, 4)))}, "have one layer"),
        ({"model": replace(FLAT, decoder=Flat(units=(4, 5)))}, "are of one width"),
        (
            {"model": replace(FLAT, decoder=Conductor(units=(4,), conductor_units=(4,)))},
            "no Bidirectional encoder with a Conductor decoder",
        ),
        ({"representation": Melody(meters=Native())}, "bars of 4/4 alone"),
        ({"representation": Groove(tasks=(Humanize(), Tap()))}, "cannot prepare grooves so"),
        ({"representation": KINDS["trio"].representation}, "a decoder of its own"),
    ],
)
def test_what_cannot_be_expressed_is_refused_with_the_reason(
    changes: Mapping[str, Any], reason: str, tmp_path: Path
) -> None:
    preset = replace(checkpoint(KINDS["melody"]).preset, model=FLAT)
    with pytest.raises(ValueError, match=f"small cannot become a Magenta.js model: .*{reason}"):
        export_magenta_js(
            Checkpoint(preset=replace(preset, **changes), weights={}), tmp_path / "out"
        )
    assert not list(tmp_path.iterdir())


def test_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="not empty: give a new folder"):
        export_magenta_js(checkpoint(KINDS["melody"]), tmp_path)
    assert (tmp_path / "config.json").read_text() == "{}"


def test_weights_of_another_model_are_not_written(tmp_path: Path) -> None:
    other = checkpoint(KINDS["drums"])
    wrong = replace(checkpoint(KINDS["melody"]), weights=other.weights)
    with pytest.raises(ValueError, match="come from different models"):
        export_magenta_js(wrong, tmp_path / "out")
    assert not list(tmp_path.iterdir())


def test_a_shipped_model_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="no encoder like EveryStep"):
        export_magenta_js(load(find("melody-2bar")), "nowhere")


def test_hierarchical_models_say_how_many_segments_they_have(tmp_path: Path) -> None:
    export_magenta_js(checkpoint(KINDS["multitrack"]), tmp_path / "out")
    config = read_magenta_js(tmp_path / "out").config
    assert (config.steps, config.segments) == (512, 8)


def _decoded(checkpoint: Checkpoint, z: torch.Tensor) -> torch.Tensor:
    spec = checkpoint.preset.representation.spec
    controls = None
    if spec.controls is not None:
        shape = (len(z), spec.length, *spec.controls.shape)
        high = 2 if spec.controls.shape else spec.controls.size
        controls = torch.randint(high, shape, generator=torch.Generator().manual_seed(1))
    tokens: torch.Tensor = checkpoint.build().decode(
        z, lengths(checkpoint, len(z)), 0.0, controls=controls
    )
    return tokens
