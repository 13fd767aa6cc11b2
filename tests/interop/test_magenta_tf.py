"""Importing TensorFlow's checkpoints: which model it is, what comes of it, what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from musicvae.catalogue import find
from musicvae.checkpoint import load, save
from musicvae.cli.app import main
from musicvae.config import Preset
from musicvae.interop.magenta_tf import import_tensorflow
from musicvae.interop.recognise import recognise
from musicvae.interop.variables import shapes, to_ours
from musicvae.presets import PRESETS
from musicvae.presets.published import PUBLISHED
from musicvae.representations.melody import Lenient
from tests.interop.bundles import write_bundle
from tests.interop.recorded import LIMITS, Recorded
from tests.interop.small import random_variables, small

GOLDEN = Path(__file__).parent.parent / "golden" / "interop" / "tensorflow"
# A recording, and the preset that it is of.
RECORDINGS = {
    "cat-drums_2bar_small": "cat-drums_2bar_small",
    "cat-mel_2bar_3layer": "cat-mel_2bar_big",
    "cat-mel_2bar_med_chords": "cat-mel_2bar_med_chords",
    "cat-mel_2bar_small": "cat-mel_2bar_small",
    "flat-trio_16bar": "flat-trio_16bar",
    "groovae_2bar_hits_control_tfds": "groovae_2bar_hits_control_tfds",
    "groovae_2bar_humanize": "groovae_2bar_humanize",
    "hier-multiperf_vel_1bar_med": "hier-multiperf_vel_1bar_med",
    "hier-multiperf_vel_1bar_med_chords": "hier-multiperf_vel_1bar_med_chords",
    "hierdec-mel_16bar": "hierdec-mel_16bar",
    "hierdec-trio_16bar": "hierdec-trio_16bar",
    "nade-drums_2bar_full": "nade-drums_2bar_full",
}


def written(preset: Preset, folder: Path) -> Path:
    """A checkpoint as training leaves it, with the optimiser's variables beside the model's."""
    variables = random_variables(preset)
    slots = {f"{k}/{slot}": a for k, a in variables.items() for slot in ("Adam", "Adam_1")}
    powers = {f"beta{i}_power": np.float32(0.5) * np.ones((), np.float32) for i in (1, 2)}
    opaque = {"encoder/cudnn_lstm/opaque_kernel": np.zeros(3, np.float32)}
    step = {"global_step": np.array(1234)}
    return write_bundle(folder / "model.ckpt", variables | slots | powers | opaque | step)


@pytest.mark.parametrize("name", [preset.name for preset in PUBLISHED])
def test_a_published_model_of_any_size_is_imported(name: str, tmp_path: Path) -> None:
    preset = small(PRESETS[name])
    found = import_tensorflow(written(preset, tmp_path / name))
    assert found.preset.name == name
    assert found.preset.model == preset.model
    assert found.figures["imported"]["step"] == 1234
    assert "1,234 updates" in found.card
    expected = to_ours(random_variables(preset), preset.representation.spec, preset.model)
    assert found.weights.keys() == expected.keys()
    assert all(torch.equal(found.weights[k], w) for k, w in expected.items())
    assert found.preset.representation.spec == preset.representation.spec
    assert found.preset.representation != preset.representation  # which reads strictly
    found.build()


@pytest.mark.parametrize("preset", PUBLISHED, ids=lambda preset: preset.name)
def test_names_and_published_shapes_tell_the_model(preset: Preset) -> None:
    """By themselves, or, of those that differ in their task alone, together with a file's name."""
    found = shapes(preset.representation.spec, preset.model)
    assert recognise(found, [f"{preset.name}.hikl.tar"]).name == preset.name
    if not preset.name.startswith("groovae") or preset.name.endswith("hits_control_tfds"):
        assert recognise(found, ["model.ckpt"]).name == preset.name
        return
    with pytest.raises(ValueError, match=f"--preset: .*{preset.name}"):
        recognise(found, ["model.ckpt"])


def test_a_longer_name_decides_before_a_part_of_it(tmp_path: Path) -> None:
    name = "groovae_2bar_tap_fixed_velocity_note_dropout"
    assert import_tensorflow(written(small(PRESETS[name]), tmp_path / name)).preset.name == name


def test_what_looks_alike_is_asked_for(tmp_path: Path) -> None:
    index = written(small(PRESETS["groovae_4bar"]), tmp_path / "model")
    alike = "groovae_4bar, groovae_2bar_humanize, groovae_2bar_tap_fixed_velocity, "
    with pytest.raises(ValueError, match=f"with --preset: {alike}"):
        import_tensorflow(index)
    found = import_tensorflow(index, "groovae_4bar")
    assert found.preset.representation.spec.length == 64


def test_a_melody_is_read_as_a_musician_would(tmp_path: Path) -> None:
    index = written(small(PRESETS["cat-mel_2bar_big"]), tmp_path)
    assert import_tensorflow(index).preset.representation.extraction == Lenient()


def test_an_imported_model_is_an_ordinary_checkpoint(tmp_path: Path) -> None:
    found = import_tensorflow(written(small(PRESETS["cat-drums_2bar_small"]), tmp_path))
    save(found, tmp_path / "out")
    again = load(find(tmp_path / "out"))
    assert again.preset == found.preset
    assert all(torch.equal(again.weights[k], w) for k, w in found.weights.items())


def test_a_mismatch_names_every_variable(tmp_path: Path) -> None:
    preset = small(PRESETS["cat-mel_2bar_small"])
    variables = random_variables(preset)
    bias = variables.pop("encoder/sigma/bias")
    variables |= {"encoder/sigma/offset": bias, "decoder/output_projection/bias": np.zeros(7, "f4")}
    index = write_bundle(tmp_path / "model.ckpt", variables)
    said = (
        r"cat-mel_2bar_small, (and )?its variables differ: missing: encoder/sigma/bias; "
        r"surplus: encoder/sigma/offset; "
        r"of another shape: decoder/output_projection/bias is \(7,\), not \(90,\)"
    )
    for preset_name in (None, "cat-mel_2bar_small"):
        with pytest.raises(ValueError, match=said):
            import_tensorflow(index, preset_name)


def test_another_preset_than_it_is_is_refused(tmp_path: Path) -> None:
    index = written(small(PRESETS["cat-mel_2bar_small"]), tmp_path)
    with pytest.raises(ValueError, match="it is not nade-drums_2bar_full, its variables differ: "):
        import_tensorflow(index, "nade-drums_2bar_full")
    with pytest.raises(ValueError, match="melody-2bar is a model of our own"):
        import_tensorflow(index, "melody-2bar")
    with pytest.raises(ValueError, match="did you mean 'cat-mel_2bar_small'"):
        import_tensorflow(index, "cat-mel_2bar_smal")


def test_a_model_of_another_family_is_refused(tmp_path: Path) -> None:
    """MelodyRNN's variables: one sentence that is not the list of all that is missing."""
    melody_rnn = {
        "rnn/multi_rnn_cell/cell_0/basic_lstm_cell/kernel": np.zeros((10, 16), np.float32),
        "rnn/multi_rnn_cell/cell_0/basic_lstm_cell/bias": np.zeros(16, np.float32),
        "fully_connected/weights": np.zeros((4, 38), np.float32),
        "fully_connected/biases": np.zeros(38, np.float32),
        "global_step": np.array(20_000),
    }
    index = write_bundle(tmp_path / "attention_rnn", melody_rnn)
    with pytest.raises(ValueError, match=r"is no MusicVAE: .* but fully_connected/biases") as said:
        import_tensorflow(index)
    assert len(str(said.value)) < 400


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    index = written(small(PRESETS["cat-mel_2bar_small"]), tmp_path)
    shard = tmp_path / "model.ckpt.data-00000-of-00001"
    content = bytearray(shard.read_bytes())
    content[12] ^= 1  # behind two numbers of the optimiser
    shard.write_bytes(content)
    with pytest.raises(ValueError, match=r"^model\.ckpt\.data-00000-of-00001 in .* is damaged"):
        import_tensorflow(index)
    shard.write_bytes(content[:12])
    with pytest.raises(ValueError, match=r"^model\.ckpt\.data-00000-of-00001 in .* is cut off"):
        import_tensorflow(index)


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as stop:
        main([str(argument) for argument in arguments])
    return int(stop.value.code or 0)


def test_the_command_writes_a_checkpoint(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = written(small(PRESETS["cat-drums_2bar_big"]), tmp_path)
    assert run("import", index, "-o", tmp_path / "out") == 0
    assert "cat-drums_2bar_big" in capsys.readouterr().out
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["preset"]["name"] == "cat-drums_2bar_big"
    assert run("import", index, "-o", tmp_path / "out") == 2
    assert "is there already" in capsys.readouterr().err


def test_the_command_writes_nothing_on_failure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    index = written(small(PRESETS["groovae_4bar"]), tmp_path / "in")
    before = sorted(tmp_path.rglob("*"))
    assert run("import", index, "-o", tmp_path / "out") == 2
    said = capsys.readouterr().err
    assert said.startswith("musicvae: ")
    assert said.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


def compare(checkpoint: Path, recording: Path, name: str) -> None:
    """Through the imported checkpoint itself: every quantity within its limit."""
    found = import_tensorflow(checkpoint)
    assert found.preset.name == name
    with np.load(recording) as data:
        skipped = ("var/", "grad/", "train/")
        numbers = {k: data[k] for k in data.files if not k.startswith(skipped)}
    for quantity, difference in Recorded(found.build(), numbers).differences().items():
        assert difference <= LIMITS[quantity], quantity


@pytest.mark.parametrize("recording", sorted(GOLDEN.glob("*.npz")), ids=lambda path: path.stem)
def test_an_imported_model_computes_what_the_original_did(recording: Path) -> None:
    compare(recording.with_suffix(".tar"), recording, RECORDINGS[recording.stem])


@pytest.mark.oracle
@pytest.mark.parametrize("name", RECORDINGS)
def test_every_imported_model_computes_what_the_original_did(name: str) -> None:
    folder = Path(os.environ["MUSICVAE_ORACLE"]) / "models" / name
    compare(folder, folder / "oracle.npz", RECORDINGS[name])
