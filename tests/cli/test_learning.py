"""`prepare`, `train` and `evaluate` with every kind of model, one after another."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from musicvae.notes.chords import Chord
from musicvae.notes.midi import write_midi
from musicvae.notes.score import Track
from musicvae.presets import preset
from tests.cli.conftest import Run
from tests.notes.scores import score_of
from tests.pipeline.kinds import KINDS, SIZES

SAMPLES = Path(__file__).parent.parent.parent / "data" / "samples"
PARTS = ("melody", "bass", "drums")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The samples, sentences too, four bands of sixteen bars that play with some freedom, and
    broken files."""
    folder = tmp_path_factory.mktemp("corpus")
    for path in (*SAMPLES.glob("*.mid"), SAMPLES / "sentences.txt"):
        shutil.copy(path, folder)
    tracks = (
        Track(name="Tune", program=73),
        Track(name="Bass", program=33),
        Track(name="Kit", is_drum=True),
    )
    for k in range(4):
        late = 0.004 * k
        rows = [(60 + i * (k + 2) % 13, 70 + i % 9, i * 0.5, i * 0.5 + 0.5, 0) for i in range(64)]
        rows += [(36 + i * (k + 3) % 8, 80, i * 1.0, i * 1.0 + 1, 1) for i in range(32)]
        rows += [
            (p, 60 + 7 * (i % 5), i * 0.25 + late * (i % 3), i * 0.25 + 0.1, 2)
            for i in range(128)
            for p in (36, 38, 42)
            if (i + p) % (k + 2) == 0
        ]
        chords = tuple(Chord(time=b * 2.0, symbol="CFGA"[b * k % 4]) for b in range(16))
        write_midi(replace(score_of(rows, tracks), chords=chords), folder / f"band {k}.mid")
    (folder / "broken.mid").write_bytes(b"nothing")
    (folder / "broken.txt").write_bytes(b"noth\xefng")
    return folder


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No trial of number formats, no TensorBoard: neither is what is tested here."""
    import torch

    monkeypatch.setattr("musicvae.training.trainer.best_dtype", lambda _: torch.float32)
    monkeypatch.setattr("musicvae.cli.training._board", lambda *_: None)


@pytest.mark.parametrize("name", KINDS)
def test_every_kind_is_prepared_trained_and_measured(
    name: str, run: Run, corpus: Path, tmp_path: Path
) -> None:
    data, model = tmp_path / "data", tmp_path / "run" / "checkpoint"
    done = run("prepare", corpus, "-o", data, "--preset", name, "--workers", 1)
    assert (done.code, done.err) == (0, "")
    files = list(corpus.glob(f"*{preset(name).representation.extensions[0]}"))
    assert f"{len(files)} files held" in done.out
    assert "no readable file" in done.out
    small = {"training.batch_size": 2, "training.updates": 2}
    small |= {f"model.{path}": value for path, value in SIZES[name].items()}
    settings = [word for path, value in small.items() for word in ("--set", f"{path}={value}")]
    done = run("train", "--preset", name, "--data", data, "-o", tmp_path / "run", *settings)
    assert done.code == 0, done.err
    assert "2 updates, unseen music: " in done.err
    result = tmp_path / "result.json"
    done = run("evaluate", "--data", data, "--model", model, "--limit", 2, "-o", result)
    assert (done.code, done.err) == (0, "")
    figures = json.loads(result.read_text())["figures"]
    assert figures["examples"] == 2
    rows = [line.split() for line in done.out.splitlines()]
    told = {part: row[1:] for part in PARTS for row in rows if row[:1] == [part]}
    wanted = {
        part: [f"{figures[f'{way}_{part}']:.2%}" for way in ("teacher", "sampled", "greedy")]
        for part in PARTS
        if f"teacher_{part}" in figures
    }
    assert told == wanted
    assert bool(told) == (name == "trio-16bar")


def test_words_are_learned_where_a_setting_asks_for_them(run: Run, tmp_path: Path) -> None:
    words = 'representation.vocabulary={"kind": "Words", "size": 300}'
    sentences, data = SAMPLES / "sentences.txt", tmp_path / "data"
    done = run("prepare", sentences, "-o", data, "--preset", "text-small", "--set", words)
    assert done.code == 0, done.err
    said = json.loads((data / "dataset.json").read_text())["representation"]["vocabulary"]
    assert (said["kind"], said["size"]) == ("Words", 300)
    assert "▁window" in said["tokens"]
