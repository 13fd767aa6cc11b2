from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from musicvae.checkpoint import load, save
from musicvae.cli.app import main
from musicvae.interop.js_config import parse_config
from musicvae.interop.js_export import export_magenta_js
from musicvae.interop.js_pitches import widen
from musicvae.interop.js_representation import representation_of
from musicvae.interop.js_weights import read_weights, write_weights
from musicvae.interop.magenta_js import import_magenta_js, read_magenta_js
from musicvae.representations.base import Categorical
from musicvae.representations.groove import Groove
from musicvae.representations.groove_tasks import WithoutDrum
from tests.interop.js_models import KINDS, checkpoint


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A melody model in the form of Magenta.js."""
    export_magenta_js(checkpoint(KINDS["melody"]), tmp_path / "model")
    return tmp_path / "model"


def test_an_imported_model_is_an_ordinary_checkpoint(folder: Path, tmp_path: Path) -> None:
    found = import_magenta_js(folder)
    save(found, tmp_path / "ours")
    again = load(tmp_path / "ours")
    assert again.preset == found.preset
    assert again.preset.name == "model"
    assert again.figures == {"imported": {"from": "Magenta.js", "file": "model"}}
    assert "MelodyConverter, 32 steps" in again.card
    again.build()


def test_a_preset_says_what_the_configuration_does_not(tmp_path: Path) -> None:
    """Which drum a groove is to be given back, say."""
    export_magenta_js(checkpoint(KINDS["groove"]), tmp_path / "model")
    found = import_magenta_js(tmp_path / "model", "groovae_2bar_add_closed_hh")
    assert found.preset.representation == Groove(bars=2, tasks=(WithoutDrum(),))
    with pytest.raises(ValueError, match="does not read what cat-mel_2bar_small reads"):
        import_magenta_js(tmp_path / "model", "cat-mel_2bar_small")


def _config(converter: str, args: dict[str, Any], **others: Any) -> dict[str, Any]:
    return {"type": "MusicVAE", "dataConverter": {"type": converter, "args": args}, **others}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ([], "names no type of model"),
        ({"format": 2, "preset": {}}, "names no type of model"),
        ({"type": "MusicRNN"}, "this is a MusicRNN model; only MusicVAE models"),
        ({"type": "MusicVAE"}, "no dataConverter with args"),
        (_config("MelodyConverter", {}), "numSteps in this config.json is None"),
        (_config("MelodyConverter", {"numSteps": 10**9}), "is 1000000000"),
        (_config("MelodyConverter", {"numSteps": 32, "minPitch": 9, "maxPitch": 8}), "from 9 to 8"),
        (_config("MelodyConverter", {"numSteps": 32}, chordEncoder="Jazz"), "no chordEncoder"),
        (_config("MelodyConverter", {"numSteps": 32}, extraControls=[{"name": "x"}]), "depth in"),
        (_config("MelodyConverter", {"numSteps": 32}, useBooleanDecoder=True), "is not known"),
        (_config("TrioConverter", {"numSteps": 32}), "has no melArgs"),
        (_config("DrumsConverter", {"numSteps": 32, "pitchClasses": [1]}), "no lists of pitches"),
        (_config("PolyphonyConverter", {"numSteps": 32}), "'PolyphonyConverter' is not known"),
        (_config("MelodyConverter", {"numSteps": 32, "numSegments": 3}), "into 3 segments"),
    ],
)
def test_a_wrong_configuration_is_refused_in_a_sentence(
    said: Any, reason: str, folder: Path, tmp_path: Path
) -> None:
    (folder / "config.json").write_text(json.dumps(said))
    with pytest.raises(ValueError, match=reason):
        read_magenta_js(folder)


MELODY = {"numSteps": 32, "minPitch": 21, "maxPitch": 108}


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        (_config("MelodyRhythmConverter", MELODY, useBooleanDecoder=True), "MelodyRhythmConverter"),
        (_config("MelodyShapeConverter", MELODY), "nothing here reads what a MelodyShape"),
        (
            _config("MelodyConverter", MELODY, extraControls=[{"name": "mood", "depth": 2}]),
            "it is told mood at every step",
        ),
        (_config("MelodyConverter", {**MELODY, "numSteps": 30}), "30 steps are no whole bars"),
        (_config("MelodyConverter", {**MELODY, "numSegments": 4}), "2 bars into 4 segments"),
        (_config("GrooveConverter", {"numSteps": 144, "splitInstruments": True}), "one after"),
        (_config("GrooveConverter", {"numSteps": 32, "stepsPerQuarter": 6}), "has 6 steps in"),
        (_config("DrumsConverter", {"numSteps": 32, "pitchClasses": [[36], [38]]}), "of its own"),
        (_config("DrumsConverter", {"numSteps": 32}, conditionOnKey=True), "a key has none here"),
        (
            _config("MultitrackConverter", {"numSteps": 128, "numSegments": 4}),
            r"numSteps 128, not 512, .*numSegments 4, not 8",
        ),
    ],
)
def test_music_that_has_no_representation_is_refused_with_the_reason(
    said: Any, reason: str
) -> None:
    with pytest.raises(ValueError, match=reason) as told:
        representation_of(parse_config(said))
    assert "cannot be used on music here" in str(told.value)
    assert "read_magenta_js" in str(told.value)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda w: w.pop("encoder/mu/bias"), "there is no encoder/mu/bias"),
        (lambda w: w.pop("encoder/sigma/kernel"), "missing: encoder/sigma/kernel"),
        (lambda w: w.update(extra=np.zeros(3, np.float32)), "surplus: extra"),
        (
            lambda w: w.update({"decoder/output_projection/bias": np.zeros(7, np.float32)}),
            r"output_projection/bias is \(7,\), not \(90,\)",
        ),
    ],
)
def test_weights_that_do_not_fit_are_named(
    change: Callable[[dict[str, np.ndarray]], Any], reason: str, folder: Path
) -> None:
    weights = read_weights(folder)
    change(weights)
    write_weights(weights, folder)
    with pytest.raises(ValueError, match=reason):
        read_magenta_js(folder)


def test_what_an_optimiser_and_cudnn_leave_behind_is_passed_over(folder: Path) -> None:
    left = ("global_step", "decoder/output_projection/bias/Adam", "encoder/fw/opaque_kernel")
    weights = read_weights(folder)
    write_weights({**{k: np.zeros(3, np.float32) for k in left}, **weights}, folder)
    assert read_magenta_js(folder).variables.keys() == weights.keys()


def test_a_model_of_fewer_pitches_reads_the_others_an_octave_nearer() -> None:
    own = checkpoint(KINDS["melody"])
    spec, model = own.preset.representation.spec, own.preset.model
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(2 + 13 + 12, 48)).astype(np.float32)  # 60 to 72, and 12 units
    columns = rng.normal(size=(10, 15)).astype(np.float32)
    scope = "multi_rnn_cell/cell_0/lstm_cell/kernel"
    narrow = {
        f"encoder/cell_0/bidirectional_rnn/fw/{scope}": rows,
        f"decoder/{scope}": rows,
        "decoder/output_projection/kernel": columns,
        "decoder/output_projection/bias": columns[0],
    }
    small = replace(spec, inputs=Categorical(15), outputs=Categorical(15))
    wide = widen(narrow, small, model, [(60, 72)])
    read = wide[f"encoder/cell_0/bidirectional_rnn/fw/{scope}"]
    assert read.shape == (90 + 12, 48)
    for pitch, heard in ((21, 69), (59, 71), (60, 60), (72, 72), (73, 61), (108, 72)):
        np.testing.assert_array_equal(read[pitch - 19], rows[heard - 58])
    np.testing.assert_array_equal(read[:2], rows[:2])
    np.testing.assert_array_equal(read[-12:], rows[-12:])
    written = wide["decoder/output_projection/bias"]
    assert (np.delete(written, [0, 1, *range(41, 54)]) == -100).all()
    np.testing.assert_array_equal(written[[0, 1, *range(41, 54)]], columns[0])
    with pytest.raises(ValueError, match="less than an octave"):
        widen(narrow, small, model, [(60, 70)])
    with pytest.raises(ValueError, match="melodies here have 21 to 108"):
        widen(narrow, small, model, [(20, 90)])


def test_the_command_line_imports_and_exports(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*words: str | Path) -> int:
        with pytest.raises(SystemExit) as ended:
            main([str(word) for word in words])
        return int(ended.value.code or 0)

    assert run("import", folder, "-o", tmp_path / "ours") == 0
    assert run("export", tmp_path / "ours", "--to", "magenta-js", "-o", tmp_path / "js") == 0
    assert read_weights(tmp_path / "js").keys() == read_weights(folder).keys()
    flat = tmp_path / "flat.safetensors"
    assert run("export", tmp_path / "ours", "--to", "safetensors", "-o", flat) == 0
    weights = load(tmp_path / "ours").weights
    assert all(torch.equal(weights[k], w) for k, w in load_file(flat).items())
    half = ("--quantize", "16", "-o", tmp_path / "half.safetensors")
    assert run("export", tmp_path / "ours", "--to", "safetensors", *half) == 0
    assert (tmp_path / "half.safetensors").stat().st_size < 0.6 * flat.stat().st_size
    capsys.readouterr()
    assert run("export", tmp_path / "ours", "--to", "magenta-js", "-o", tmp_path / "ours") == 2
    assert "not empty: give a new folder" in capsys.readouterr().err
    assert run("export", "melody-2bar", "--to", "magenta-js", "-o", tmp_path / "no") == 2
    assert "no encoder like EveryStep" in capsys.readouterr().err
    (folder / "group1-shard1of1.bin").write_bytes(b"short")
    assert run("import", folder, "-o", tmp_path / "broken") == 2
    assert "a file was cut short" in capsys.readouterr().err
    assert not (tmp_path / "broken").exists()
    assert not (tmp_path / "no").exists()
