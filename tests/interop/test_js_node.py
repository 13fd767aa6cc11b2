"""Folders that we export, in a real Magenta.js: `npm install` in `tests/interop/node` first."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from musicvae.interop.js_export import export_magenta_js
from musicvae.interop.magenta_js import import_magenta_js, misread_silence
from musicvae.models.inputs import TokenInput
from musicvae.models.vae import SequenceVAE
from musicvae.representations.base import Example
from musicvae.representations.melody import Melody
from tests.interop.js_models import KINDS, Z, checkpoint, lengths

HERE = Path(__file__).parent / "node"
PROGRESSION = ["C", "Am", "F", "G"]

pytestmark = pytest.mark.node


@cache
def _missing() -> str:
    """Why the tests cannot be run, or nothing. NODE_PATH may name another folder of modules."""
    if shutil.which("node") is None:
        return "there is no node"
    found = subprocess.run(
        ["node", "-e", "require.resolve('@magenta/music/node/music_vae')"],
        cwd=HERE,
        capture_output=True,
        check=False,
    )
    return "" if found.returncode == 0 else f"@magenta/music is missing: npm install in {HERE}"


def run(folder: Path, **asked: Any) -> dict[str, Any]:
    """What Magenta.js answers."""
    if reason := _missing():
        pytest.skip(reason)
    done = subprocess.run(
        ["node", str(HERE / "decode.mjs"), str(folder)],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "NODE_NO_WARNINGS": "1"},
    )
    assert done.returncode == 0, done.stderr[-600:]
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def told(name: str) -> tuple[dict[str, Any] | None, Tensor | None]:
    """Controls as Magenta.js is told them, and as ours is."""
    representation = KINDS[name].representation
    spec = representation.spec
    if spec.controls is None:
        return None, None
    if name == "groove hits":
        hits = np.random.default_rng(0).integers(0, 2, (spec.length, 9))
        return {"extraControls": {"hits": hits.tolist()}}, torch.from_numpy(hits)
    if name == "multitrack chords":  # no chord at the first step of each track
        controls = torch.full((spec.segments, spec.segment_length), 13 + 9)
        controls[:, 0] = 0
        return {"chordProgression": ["Am"]}, controls.flatten()
    asked: dict[str, Any] = {}
    if name != "melody key":
        asked["chordProgression"] = PROGRESSION
    if "key" in name:
        asked["key"] = 5
    assert isinstance(representation, Melody)
    bars = "C Am | F G"
    return asked, torch.from_numpy(representation.controls_for(bars, key=5)).long()


@pytest.mark.parametrize("name", KINDS)
def test_magenta_js_decodes_the_same(name: str, tmp_path: Path) -> None:
    """Float32, from the same z: every step that is fed back is the one we draw.

    There a track goes on behind its end, and the next one follows it: so do ours for once.
    """
    own = checkpoint(KINDS[name])
    export_magenta_js(own, tmp_path / "out")
    z = torch.randn(3, Z)
    asked, controls = told(name)
    answer = run(tmp_path / "out", z=z.tolist(), **({"controls": asked} if asked else {}))
    assert (answer["backend"], answer["zDims"]) == ("cpu", Z)
    spec = replace(own.preset.representation.spec, end=None)
    model = SequenceVAE(spec, own.preset.model).eval()
    model.load_state_dict(dict(own.weights))
    if controls is not None:
        controls = controls.expand(len(z), *controls.shape)
    ours = model.decode(z, lengths(own, len(z)), 0.0, controls=controls)
    rows = TokenInput(spec.outputs, None)(ours)
    np.testing.assert_allclose(np.array(answer["tensors"]), rows.numpy(), atol=1e-4)
    assert len(ours.flatten(0, 1).unique(dim=0)) > 3  # it is not one token for ever
    print(name, "tfjs", answer["tfjs"], answer["notes"][0][:6])  # noqa: T201 - shown with -s


@pytest.mark.parametrize("bits", [None, 16])
def test_magenta_js_plays_the_same_notes(bits: int | None, tmp_path: Path) -> None:
    """Also quantized: what it reads is what we read of the same files."""
    export_magenta_js(checkpoint(KINDS["melody"]), tmp_path / "out", bits)
    again = import_magenta_js(tmp_path / "out")
    z = torch.randn(4, Z)
    answer = run(tmp_path / "out", z=z.tolist())
    tokens = again.build().decode(z, lengths(again, len(z)), 0.0)
    for row, notes in zip(tokens, answer["notes"], strict=True):
        score = again.preset.representation.decode(
            [Example(tokens=row.numpy().astype(np.uint8), lengths=np.array([16, 16]))]
        )
        steps = [np.rint(seconds * 8).astype(int) for seconds in (score.start, score.end)]
        assert notes == np.stack([score.pitch, *steps], axis=1).tolist()


def test_magenta_js_encodes_the_same(tmp_path: Path) -> None:
    own = checkpoint(KINDS["melody"])
    export_magenta_js(own, tmp_path / "out")
    notes = [(60, 0, 4), (64, 4, 8), (67, 12, 16), (72, 16, 30)]
    answer = run(tmp_path / "out", z=[[0.0] * Z], inputs=[_sequence(notes)])
    tokens = torch.zeros(1, 32, dtype=torch.int64)
    tokens[0, [end for _, _, end in notes]] = 1
    tokens[0, [start for _, start, _ in notes]] = torch.tensor([p - 19 for p, _, _ in notes])
    mean = own.build().posterior(tokens, lengths(own, 1)).mean
    np.testing.assert_allclose(np.array(answer["mean"]), mean.detach().numpy(), atol=1e-4)


def test_magenta_js_reads_silence_a_step_early(tmp_path: Path) -> None:
    """The error in its column "nothing sounds", which `misread_silence` repeats."""
    own = checkpoint(KINDS["drums"])
    export_magenta_js(own, tmp_path / "out")
    sequence = _sequence([(36, 0, 1), (38, 4, 5), (36, 9, 10)], drums=True)
    answer = np.array(run(tmp_path / "out", z=[[0.0] * Z], inputs=[sequence])["mean"])
    hits = torch.zeros(1, 32, 9, dtype=torch.int64)
    hits[0, [0, 4, 9], [0, 1, 0]] = 1
    model = own.build()
    right = model.posterior(hits, lengths(own, 1)).mean.detach().numpy()
    misread_silence(model)
    np.testing.assert_allclose(
        answer, model.posterior(hits, lengths(own, 1)).mean.detach().numpy(), atol=1e-4
    )
    assert np.abs(answer - right).max() > 1e-2


def _sequence(notes: list[tuple[int, int, int]], drums: bool = False) -> dict[str, Any]:
    """A quantized NoteSequence of two bars."""
    return {
        "notes": [
            {"pitch": p, "quantizedStartStep": s, "quantizedEndStep": e, "isDrum": drums}
            for p, s, e in notes
        ],
        "quantizationInfo": {"stepsPerQuarter": 4},
        "tempos": [{"time": 0, "qpm": 120}],
        "totalQuantizedSteps": 32,
    }
