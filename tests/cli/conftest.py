"""A tiny untrained checkpoint, a tiny dataset, songs, and a way to run commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch

from musicvae.checkpoint import Checkpoint, save
from musicvae.cli.app import main
from musicvae.config import Preset, override
from musicvae.models.vae import SequenceVAE
from musicvae.notes.midi import write_midi
from musicvae.notes.score import Track
from musicvae.presets import preset
from tests.notes.scores import score_of
from tests.pipeline.kinds import KINDS, tiny_checkpoint

SETTINGS = {
    "model.z": "8",
    "model.embedding": "4",
    "model.encoder.units": "8",
    "model.encoder.mixer": "8",
    "model.decoder.units": "8",
    "model.decoder.mixer": "8",
}
Run = Callable[..., "Done"]


@dataclass(frozen=True)
class Done:
    """How a command ended and what it said."""

    code: int
    out: str
    err: str


def tiny_preset() -> Preset:
    chosen = preset("melody-2bar")
    for path, value in SETTINGS.items():
        chosen = override(chosen, path, value)
    return replace(chosen, name="tiny", summary="a toy")


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder that any command can load at once."""
    torch.manual_seed(1)
    small = tiny_preset()
    model = SequenceVAE(small.representation.spec, small.model)
    folder = tmp_path_factory.mktemp("models") / "tiny"
    figures = {"teacher": 0.5, "sampled": 0.25, "greedy": 0.75, "kl_bits": 12.3}
    save(Checkpoint(preset=small, weights=model.state_dict(), figures=figures), folder)
    return folder


@pytest.fixture(scope="session")
def kinds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A checkpoint folder of every kind of model."""
    root = tmp_path_factory.mktemp("kinds")
    for name in KINDS:
        save(tiny_checkpoint(name), root / name)
    return {name: root / name for name in KINDS}


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run a command line of 80 columns."""
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("MUSICVAE_DEBUG", raising=False)

    def run(*arguments: object) -> Done:
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            main([str(a) for a in arguments])
        said = capsys.readouterr()
        return Done(int(stop.value.code or 0), said.out, said.err)

    return run


@pytest.fixture
def a(tmp_path: Path) -> Path:
    """Eight bars of a scale at 120, on a flute, above a bass."""
    notes = [(60 + i % 8, 90, i * 0.5, i * 0.5 + 0.5, 1) for i in range(32)]
    bass = [(36, 70, i * 2.0, i * 2.0 + 2, 0) for i in range(8)]
    tracks = (Track(name="Bass", program=33), Track(name="Melody", program=73))
    write_midi(score_of([*notes, *bass], tracks), tmp_path / "a.mid")
    return tmp_path / "a.mid"


@pytest.fixture
def b(tmp_path: Path) -> Path:
    """Four bars on a piano."""
    rows = [(72 - i, 60, i * 1.0, i + 0.75, 0) for i in range(8)]
    write_midi(score_of(rows, (Track(name="Right [hand]"),)), tmp_path / "b.mid")
    return tmp_path / "b.mid"
