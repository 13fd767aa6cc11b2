"""`prepare`, `train` and `evaluate`, one after another, on a few tunes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from musicvae.notes.midi import write_midi
from musicvae.presets import PRESETS
from tests.cli.conftest import SETTINGS, Run, tiny_preset
from tests.notes.scores import score_of

SMALL = [word for name, value in SETTINGS.items() for word in ("--set", f"{name}={value}")]
SMALL += ["--set", "training.batch_size=4"]


@pytest.fixture
def songs(tmp_path: Path) -> Path:
    """Nine short songs and a broken file."""
    folder = tmp_path / "songs"
    folder.mkdir()
    for k in range(9):
        rows = [(50 + k + i * (k + 2) % 13, 80, i * 0.5, i * 0.5 + 0.5, 0) for i in range(32)]
        write_midi(score_of(rows), folder / f"{k}.mid")
    (folder / "broken.mid").write_bytes(b"nothing")
    return folder


@pytest.fixture
def dataset(run: Run, songs: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "dataset"
    assert run("prepare", songs, "-o", folder, "--workers", 1).code == 0
    return folder


@pytest.fixture(autouse=True)
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """No trial of number formats, no TensorBoard: neither is what is tested here."""
    import torch

    monkeypatch.setattr("musicvae.training.trainer.best_dtype", lambda _: torch.float32)
    monkeypatch.setattr("musicvae.cli.training._board", lambda *_: None)


def test_prepare_says_what_was_left_out_and_why(run: Run, songs: Path, tmp_path: Path) -> None:
    done = run("prepare", songs, "-o", tmp_path / "d", "--workers", 1)
    assert (done.code, done.err) == (0, "")
    assert "10 files held 9 usable pieces" in done.out
    assert "1  no readable file" in done.out
    said = json.loads(run("prepare", songs, "-o", tmp_path / "d", "--json").out)
    assert said["dropped"]["unreadable"] == 1
    assert sum(said["examples"].values()) > 9


def test_prepare_takes_bars(run: Run, songs: Path, tmp_path: Path) -> None:
    done = run("prepare", songs, "-o", tmp_path / "d", "--workers", 1, "--bars", 8)
    assert done.code == 0
    description = json.loads((tmp_path / "d" / "dataset.json").read_text())
    assert description["representation"]["bars"] == 8


def test_train_then_use_the_checkpoint(run: Run, dataset: Path, tmp_path: Path) -> None:
    words = ["train", "--preset", "melody-2bar", "--data", dataset, "-o", tmp_path / "run", *SMALL]
    done = run(*words, "--set", "training.updates=3")
    assert done.code == 0
    assert "1/3  loss " in done.err
    assert "3 updates, unseen music: " in done.err
    assert f"Done: {tmp_path / 'run' / 'checkpoint'}" in done.out
    again = run(*words, "--set", "training.updates=5")
    assert "Going on after 3 of 5 updates." in again.out
    assert "5/5  loss " in again.err
    model = tmp_path / "run" / "checkpoint"
    assert run("sample", "-n", 1, "-o", tmp_path / "s.mid", "--model", model).code == 0
    result = tmp_path / "result.json"
    done = run("evaluate", "--data", dataset, "--model", model, "-o", result, "--limit", 5)
    assert done.code == 0
    assert "where something starts" in done.out
    written = json.loads(result.read_text())
    assert written["figures"]["examples"] == 5
    assert written["versions"]["torch"]
    assert {"hardware", "threads", "commit", "split", "seconds"} <= written.keys()
    shown = run("evaluate", "--data", dataset, "--model", model, "--limit", 5, "--json")
    assert json.loads(shown.out)["figures"] == written["figures"]


def test_breaking_off_saves_and_says_how_to_go_on(
    run: Run, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from musicvae.training.trainer import Trainer

    update = Trainer.update

    def stop_after_two(self):
        if self.done == 2:
            raise KeyboardInterrupt
        return update(self)

    words = ["train", "--preset", "melody-2bar", "--data", dataset, "-o", tmp_path / "run", *SMALL]
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "update", stop_after_two)
        done = run(*words, "--set", "training.updates=4")
    assert done.code == 130
    assert "Stopped and saved after 2 updates; the same command goes on." in done.out
    assert "Going on after 2 of 4" in run(*words, "--set", "training.updates=4").out


def test_a_collapse_is_said_in_words(
    run: Run, dataset: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def collapse(self, listener) -> None:
        listener.warning("the posterior has collapsed")

    monkeypatch.setattr("musicvae.training.trainer.Trainer.run", collapse)
    done = run("train", "--preset", "melody-2bar", "--data", dataset, "-o", tmp_path / "r", *SMALL)
    assert "Warning: the posterior has collapsed" in done.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--preset", "melody-2baar"], "did you mean 'melody-2bar'"),
        (["--preset", "melody-2bar", "--set", "modle.z=4"], "did you mean 'model'"),
        (["--preset", "melody-2bar", "--set", "model.zz=4"], "did you mean 'z'"),
        (["--preset", "melody-2bar", "--set", "model.z"], "--set takes NAME=VALUE"),
        (["--preset", "melody-2bar", "--set", "model.z=many"], "z"),
        (["--preset", "melody-2bar", "--set", "training.batch_size=0"], "batch_size"),
        (["--preset", "melody-16bar"], "musicvae prepare --preset melody-16bar"),
    ],
)
def test_what_cannot_be_trained_is_refused(
    options: list[str], words: str, run: Run, dataset: Path, tmp_path: Path
) -> None:
    done = run("train", *options, "--data", dataset, "-o", tmp_path / "run")
    assert done.code == 2
    assert words in done.err
    assert done.err.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_model_and_a_dataset_have_to_fit(
    run: Run, songs: Path, tiny: Path, tmp_path: Path
) -> None:
    run("prepare", songs, "-o", tmp_path / "d", "--workers", 1, "--bars", 4)
    done = run("evaluate", "--data", tmp_path / "d", "--split", "train", "--model", tiny)
    assert done.code == 2
    assert f"the model {tiny_preset().name} reads" in done.err


def test_the_help_names_every_preset(run: Run) -> None:
    said = run("train", "--help").out
    assert all(name in said for name in PRESETS)
