"""Models of Magenta.js give here what they gave there."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from musicvae.config import Bidirectional, Conductor, Flat, Hierarchical
from musicvae.interop.js_config import model_of, parse_config, spec_of
from musicvae.interop.js_weights import read_json, shapes_of
from musicvae.interop.magenta_js import import_magenta_js, read_magenta_js
from musicvae.latent.interpolate import lerp
from musicvae.representations.base import Example, MultiLabel
from musicvae.representations.melody import Melody
from tests.interop.js_oracle import RECORDED, JsOracle, as_there, root, tokens_of

GOLDEN = Path(__file__).parents[1] / "golden" / "interop" / "js"
MELODIES = [n for n in RECORDED if n.startswith("mel_") and "allctrl" not in n]
SMALL = sorted(path.stem for path in GOLDEN.glob("*.zip"))


@pytest.fixture
def recording(request: pytest.FixtureRequest, tmp_path: Path) -> dict[str, Any]:
    """A folder of Magenta.js under "folder", and what was made of it there."""
    with zipfile.ZipFile(GOLDEN / f"{request.param}.zip") as packed:
        packed.extractall(tmp_path)
    with np.load(tmp_path / "outputs.npz") as arrays:
        outputs = {name: torch.from_numpy(arrays[name].copy()) for name in arrays.files}
    return {"folder": tmp_path / "model", **outputs}


@pytest.mark.parametrize("recording", SMALL, indirect=True)
@torch.no_grad()
def test_a_recorded_model_encodes_and_decodes_the_same(recording: dict[str, Any]) -> None:
    """Means of the posterior, logits under teacher forcing, the likeliest tokens."""
    read = read_magenta_js(recording["folder"])
    spec, rows, z = read.spec, recording["rows"], recording["z"]
    lengths = recording.get(
        "lengths", torch.full((len(rows), spec.segments), rows.shape[1] // spec.segments)
    )
    told = None
    if spec.controls is not None:
        told = tokens_of(spec.controls, recording["controls"])[None]
    encoder, decoder = as_there(read, rows.shape[1]), as_there(read, spec.length)
    inputs = tokens_of(spec.inputs, rows)
    controls = None if told is None else told.expand(len(rows), *told.shape[1:])
    mean = encoder.posterior(inputs, lengths, controls).mean
    torch.testing.assert_close(mean, recording["mean"], rtol=1e-5, atol=2e-6)
    full = torch.full((len(z), spec.segments), spec.segment_length)
    tokens = _tokens(recording["tokens"])
    logits = decoder.decoder(z, tokens, decoder.layout(full), None, told)[:, ::8]
    silent = logits.shape[-1] - recording["logits"].shape[-1]
    torch.testing.assert_close(logits[..., silent:], recording["logits"], rtol=0, atol=1e-4)
    greedy = decoder.decode(z, full, 0.0, controls=told)
    torch.testing.assert_close(
        greedy.float(), _tokens(recording["greedy"]).float(), rtol=0, atol=1e-4
    )


def _tokens(stored: torch.Tensor) -> torch.Tensor:
    return stored if stored.is_floating_point() else stored.long()


@pytest.mark.oracle
@pytest.mark.parametrize("name", RECORDED)
def test_every_recorded_model_encodes_and_decodes_the_same(name: str) -> None:
    compared = JsOracle(name).compare()
    print(name, compared)  # noqa: T201 - shown with -s
    assert compared.means < 1e-5
    assert compared.logits < 1e-4
    assert compared.greedy == 0


@pytest.mark.oracle
@pytest.mark.parametrize("name", MELODIES)
def test_imported_melodies_play_the_notes_of_magenta_js(name: str) -> None:
    """Though the model knows fewer pitches than the melody that it is imported as."""
    oracle = JsOracle(name)
    checkpoint = import_magenta_js(oracle.folder)
    representation = checkpoint.preset.representation
    assert isinstance(representation, Melody)
    z = oracle.array(oracle.said["zFixed"])
    lengths = torch.full((len(z), representation.bars), 16)
    for run in oracle.said["runs"]:
        tokens = checkpoint.build().decode(z, lengths, 0.0, controls=oracle.controls(run, len(z)))
        for row, sequence in zip(tokens, run["decode_api"], strict=True):
            score = representation.decode(
                [Example(tokens=row.numpy().astype(np.uint8), lengths=np.array(lengths[0]))]
            )
            steps = [np.rint(seconds * 8).astype(int) for seconds in (score.start, score.end)]
            notes = [
                [n["pitch"], int(n.get("quantizedStartStep", 0)), int(n["quantizedEndStep"])]
                for n in sequence["notes"]
            ]
            assert np.stack([score.pitch, *steps], axis=1).tolist() == notes


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["mel_tiny", "drums_onehot_tiny", "trio_tiny"])
def test_magenta_js_interpolates_on_straight_lines(name: str) -> None:
    """`lerp` is what it does; `slerp` is what the Python original does."""
    oracle = JsOracle(name)
    run = oracle.said["runs"][0]
    mean, way = oracle.array(run["mu"]), oracle.array(run["interp2"]["z"])
    t = torch.linspace(0, 1, len(way))
    torch.testing.assert_close(lerp(mean[0], mean[1], t), way, rtol=1e-5, atol=1e-5)


@pytest.mark.oracle
@pytest.mark.parametrize("name", ["drums_nade_tiny", "drums_onehot_tiny"])
def test_magenta_js_says_a_step_early_that_nothing_sounds(name: str) -> None:
    oracle = JsOracle(name)
    rows = oracle.array(oracle.said["inputTensors"])
    space = oracle.read.spec.inputs
    assert isinstance(space, MultiLabel)
    silent = (rows[..., : space.size].amax(-1) == 0).to(rows.dtype)
    assert (rows[:, :-1, -1] == silent[:, 1:]).all()
    assert (rows[:, -1, -1] == 0).all()
    assert (rows[..., -1] != silent).any()


@pytest.mark.oracle
@pytest.mark.parametrize(
    ("name", "encoder", "decoder", "z"),
    [
        ("mel_2bar_small", Bidirectional(units=(512,)), Flat(units=(256,) * 2), 256),
        ("mel_4bar_med_q2", Bidirectional(units=(1024,)), Flat(units=(1024,) * 3), 256),
        (
            "multitrack_chords",
            Hierarchical(units=(512,)),
            Conductor(units=(256,) * 3, conductor_units=(256,) * 3),
            256,
        ),
    ],
)
def test_published_models_are_recognised_by_their_manifests(
    name: str, encoder: Any, decoder: Any, z: int
) -> None:
    folder = root() / "published" / name
    config = parse_config(read_json(folder, "config.json"))
    model = model_of(config, spec_of(config), shapes_of(folder))
    assert (model.encoder, model.decoder, model.z) == (encoder, decoder, z)
