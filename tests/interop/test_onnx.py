"""ONNX graphs, run by onnxruntime and the loop of the example, give what PyTorch gives."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from musicvae.catalogue import find
from musicvae.checkpoint import Checkpoint, load
from musicvae.config import FlatViews, Preset
from musicvae.interop.onnx import write_onnx
from musicvae.models.vae import SequenceVAE
from musicvae.notes.midi import read_midi
from musicvae.notes.quantize import quantize
from tests.models import small

pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

EXAMPLE = Path(__file__).parents[2] / "examples" / "onnx_sample.py"
BLIND, READ = "melody-2bar without feedback", "chords read by an LSTM"
NORMED = "sentences whose means are normed"
KINDS = (*small.WIRINGS, BLIND, READ, NORMED)
HEADS = ("melody-2bar", "flat-trio_16bar", "hier-trio_16bar", "nade-drums_2bar_reduced")


def preset(kind: str) -> Preset:
    if kind == BLIND:
        given = small.small("melody-2bar")
        assert isinstance(given.model.decoder, FlatViews)
        blind = replace(given.model.decoder, feedback=False)
        return replace(given, model=replace(given.model, decoder=blind))
    if kind == READ:
        given = small.small("cat-mel_2bar_med_chords")
        return replace(given, model=replace(given.model, control_units=5))
    if kind == NORMED:
        given = small.small("text-small")
        return replace(given, model=replace(given.model, mean_gain=0.6))
    return small.small(kind)


@cache
def checkpoint(kind: str) -> Checkpoint:
    """Weights wide enough for every input to show."""
    torch.manual_seed(0)
    described = preset(kind)
    model = SequenceVAE(described.representation.spec, described.model)
    weights = {k: torch.randn_like(v) * 0.6 for k, v in model.state_dict().items()}
    if "encoder.running_var" in weights:
        weights["encoder.running_var"].abs_()
    return Checkpoint(preset=described, weights=weights)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Where a kind of model lies exported."""

    @cache
    def written(kind: str) -> Path:
        target = tmp_path_factory.mktemp("onnx") / "model"
        write_onnx(checkpoint(kind), target)
        return target

    return written


@pytest.fixture(scope="module")
def example() -> ModuleType:
    spec = importlib.util.spec_from_file_location("onnx_sample", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run(folder: Path, graph: str, **inputs: Any) -> list[np.ndarray]:
    session = onnxruntime.InferenceSession(folder / f"{graph}.onnx")
    outputs: list[np.ndarray] = session.run(None, inputs)
    return outputs


def told(given: small.Case) -> dict[str, Any]:
    return {} if given.controls is None else {"controls": given.controls.numpy()}


def row_of(given: small.Case, i: int) -> dict[str, Any]:
    controls = None if given.controls is None else given.controls[i].numpy()
    return {"lengths": given.lengths[i].tolist(), "controls": controls}


@pytest.mark.parametrize("rows", [slice(0, 5), slice(2, 3)])
@pytest.mark.parametrize("kind", KINDS)
def test_posterior_of_any_lengths(kind: str, rows: slice, folder: Any) -> None:
    model = checkpoint(kind).build()
    given = small.case(model, small.mixed(model)).rows(torch.arange(5)[rows])
    with torch.no_grad():
        wanted = small.posterior(model, given)
    mean, std = run(
        folder(kind),
        "encoder",
        tokens=given.inputs.numpy(),
        lengths=given.lengths.numpy(),
        **told(given),
    )
    np.testing.assert_allclose(mean, wanted.mean.numpy(), rtol=1e-5, atol=2e-5)
    np.testing.assert_allclose(std, wanted.std.numpy(), rtol=1e-5, atol=2e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_logits_after_the_same_tokens(kind: str, folder: Any, example: ModuleType) -> None:
    model = checkpoint(kind).build()
    given = small.case(model, small.mixed(model)[[1, 4]])
    if model.spec.end is not None:  # it would end a segment before its length
        given = replace(given, tokens=torch.where(given.tokens == model.spec.end, 0, given.tokens))
    z, mask = small.code(model, 2), small.layout(model, given.lengths).mask
    with torch.no_grad():
        wanted = small.logits(model, z, given)
    for i in range(2):
        decoder, seen = example.Decoder(folder(kind)), []
        tokens = iter(given.tokens[i][mask[i]].numpy())

        def force(logits: np.ndarray, tokens: Any = tokens, seen: Any = seen, **_: Any) -> Any:
            seen.append(logits[0])
            return [next(tokens)[None]]

        decoder.draw = force
        decoder.decode(z[i].numpy(), np.random.default_rng(0), **row_of(given, i))
        np.testing.assert_allclose(np.stack(seen), wanted[i][mask[i]].numpy(), atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_greedy_decoding_is_the_same(kind: str, folder: Any, example: ModuleType) -> None:
    model = checkpoint(kind).build()
    given = small.case(model, small.mixed(model)[[2, 3]])
    z = small.code(model, 2)
    wanted = model.decode(z, given.lengths, 0.0, controls=given.controls).numpy()
    decoder, rng = example.Decoder(folder(kind)), np.random.default_rng(0)
    for i in range(2):
        tokens = decoder.decode(z[i].numpy(), rng, 0.0, **row_of(given, i))
        assert tokens.dtype == wanted.dtype
        np.testing.assert_allclose(tokens, wanted[i], atol=1e-5)


@pytest.mark.parametrize("temperature", [0.6, 1.5])
@pytest.mark.parametrize("kind", [*HEADS, "groovae_2bar_hits_control_tfds"])
def test_draws_are_as_likely(kind: str, temperature: float, folder: Any) -> None:
    model, n = checkpoint(kind).build(), 4000
    K = sum(model.decoder.widths)
    torch.manual_seed(0)
    logits = (torch.randn(1, K) * 1.5).expand(n, -1)
    wanted = model.decoder.draw(logits, temperature, torch.Generator().manual_seed(1)).numpy()
    meta = json.loads((folder(kind) / "meta.json").read_text())
    chance = np.random.default_rng(2).random((n, meta["chances"]), np.float32)
    heat = np.array(temperature, np.float32)
    (tokens,) = run(
        folder(kind), "decoder_draw", logits=logits.numpy(), chance=chance, temperature=heat
    )
    assert tokens.shape == wanted.shape
    for ours, theirs in zip(tokens.reshape(n, -1).T, wanted.reshape(n, -1).T, strict=True):
        values = np.unique(theirs) if ours.dtype == np.int64 else None
        shares = [
            c.mean() if values is None else (c[:, None] == values).mean(0) for c in (ours, theirs)
        ]
        np.testing.assert_allclose(*shares, atol=0.045)  # four standard errors of a difference


@pytest.mark.parametrize("kind", ["melody-2bar", "flat-trio_16bar", "nade-drums_2bar_reduced"])
def test_chances_of_nought_and_one_are_no_trouble(kind: str, folder: Any) -> None:
    meta = json.loads((folder(kind) / "meta.json").read_text())
    logits = np.random.default_rng(0).normal(size=(2, meta["logits"])).astype(np.float32)
    chance = np.stack([np.zeros(meta["chances"]), np.ones(meta["chances"])]).astype(np.float32)
    given = {"logits": logits, "chance": chance}
    (cold,) = run(folder(kind), "decoder_draw", **given, temperature=np.array(0, np.float32))
    model = checkpoint(kind).build()
    np.testing.assert_array_equal(cold, model.decoder.draw(torch.from_numpy(logits), 0.0).numpy())


@pytest.mark.parametrize("kind", KINDS)
def test_meta_says_what_the_graphs_take(kind: str, folder: Any) -> None:
    meta = json.loads((folder(kind) / "meta.json").read_text())
    shapes = {
        part: {
            value.name: value.shape[1:]
            for session in [onnxruntime.InferenceSession(folder(kind) / f"{part}.onnx")]
            for value in (*session.get_inputs(), *session.get_outputs())
        }
        for part in ("encoder", "decoder_start", "decoder_step", "decoder_draw")
    }
    T, N = meta["length"], meta["state"]
    assert shapes["encoder"]["tokens"] == [T, *meta["inputs"]["shape"]]
    assert shapes["encoder"]["lengths"] == [meta["segments"]]
    assert shapes["encoder"]["mean"] == shapes["decoder_start"]["z"] == [meta["z"]]
    assert shapes["decoder_start"]["views"] == [T, meta["view"]]
    assert shapes["decoder_start"]["starts"] == [meta["starts"], N]
    assert shapes["decoder_step"]["before"] == meta["outputs"]["shape"]
    assert shapes["decoder_step"]["after"] == [N]
    assert shapes["decoder_draw"]["chance"] == [meta["chances"]]
    assert shapes["decoder_draw"]["token"] == meta["outputs"]["shape"]
    assert ("controls" in shapes["encoder"]) == (meta["controls"] is not None)


def test_the_shipped_melody_model(tmp_path: Path, example: ModuleType) -> None:
    shipped = load(find("melody-2bar"))
    write_onnx(shipped, tmp_path / "melody")
    model = shipped.build()
    torch.manual_seed(0)
    z, lengths = torch.randn(4, 256), torch.full((4, 2), 16)
    wanted = model.decode(z, lengths, 0.0).numpy()
    decoder, rng = example.Decoder(tmp_path / "melody"), np.random.default_rng(0)
    for own, tokens in zip(z.numpy(), wanted, strict=True):
        np.testing.assert_array_equal(decoder.decode(own, rng, 0.0), tokens)
    mean, std = run(tmp_path / "melody", "encoder", tokens=wanted, lengths=lengths.numpy())
    with torch.no_grad():
        posterior = model.posterior(torch.from_numpy(wanted), lengths)
    np.testing.assert_allclose(mean, posterior.mean.numpy(), rtol=1e-5, atol=2e-5)
    np.testing.assert_allclose(std, posterior.std.numpy(), rtol=1e-5, atol=2e-5)
    for name in ("mean", "covariance"):
        with np.load(tmp_path / "melody" / "latents.npz") as latents:
            np.testing.assert_array_equal(latents[name], shipped.latents[name].numpy())
    _sampled(tmp_path / "melody", tmp_path / "out.mid")


def _sampled(folder: Path, out: Path) -> None:
    """The example as a person calls it, in a process that has never seen this package."""
    code = (
        f"import runpy, sys; sys.argv = {[str(EXAMPLE), str(folder), str(out), '3']!r}; "
        f"runpy.run_path({str(EXAMPLE)!r}, run_name='__main__'); "
        "assert not {'musicvae', 'torch'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=out.parent)
    assert len(read_midi(out).tracks) == 1


def test_a_melody_as_midi_is_the_melody(tmp_path: Path, example: ModuleType) -> None:
    melody = np.array([0, 41, 0, 0, 1, 0, 43, 45, 0, 0, 0, 0, 0, 45, 1, 1] + [0] * 15 + [89])
    (tmp_path / "out.mid").write_bytes(example.midi(melody))
    notes = quantize(read_midi(tmp_path / "out.mid"))
    assert notes.pitch.tolist() == [60, 62, 64, 64, 108]
    assert notes.start_step.tolist() == [1, 6, 7, 13, 31]
    assert notes.end_step.tolist() == [4, 7, 13, 14, 32]


def test_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"pip install 'musicvae\[onnx\]'"):
        write_onnx(checkpoint("melody-2bar"), tmp_path / "model")
    assert not list(tmp_path.iterdir())


def test_writes_nothing_of_a_broken_checkpoint(tmp_path: Path) -> None:
    weights = dict(checkpoint("melody-2bar").weights)
    weights.pop("encoder.mean.weight")
    with pytest.raises(ValueError, match=r"missing encoder\.mean\.weight"):
        write_onnx(replace(checkpoint("melody-2bar"), weights=weights), tmp_path / "model")
    assert not list(tmp_path.iterdir())
