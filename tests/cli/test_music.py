"""The commands that make music, on an untrained model: what is written and what is said."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from musicvae.checkpoint import load
from musicvae.notes.midi import read_midi
from musicvae.notes.transform import bar_starts
from tests.cli.conftest import Run


def bars_of(path: Path) -> int:
    return len(bar_starts(read_midi(path))) - 1


@pytest.fixture
def loud(tiny: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The tiny model with every step a note, so that lengths can be counted."""
    import torch

    from musicvae import checkpoint as module

    def decode(self, z, lengths, temperature=1.0, generator=None, controls=None):
        return torch.full((len(z), 32), 42)

    monkeypatch.setattr(module.SequenceVAE, "decode", decode)
    return tiny


def test_a_morph_is_as_long_as_asked_for(
    run: Run, a: Path, b: Path, loud: Path, tmp_path: Path
) -> None:
    out = tmp_path / "new" / "folder" / "morph.mid"
    done = run("interpolate", a, b, "-o", out, "--bars", 6, "--model", loud)
    assert (done.code, done.err) == (0, "")
    assert bars_of(out) == 6
    assert "3 steps, 0:12, tempo 120" in done.out
    assert 'track 1 "Melody"' in done.out.replace("\n", " ")
    assert "[hand]" in done.out
    assert {t.program for t in read_midi(out).tracks} == {73, 0}


def test_by_default_a_morph_is_as_long_as_the_longer_song(
    run: Run, a: Path, b: Path, loud: Path, tmp_path: Path
) -> None:
    assert run("interpolate", a, b, "-o", tmp_path / "m.mid", "--model", loud).code == 0
    assert bars_of(tmp_path / "m.mid") == 8


def test_steps_go_into_one_file_or_a_folder(
    run: Run, a: Path, b: Path, loud: Path, tmp_path: Path
) -> None:
    one, many = tmp_path / "one.mid", tmp_path / "many"
    assert run("interpolate", a, b, "-o", one, "--steps", 5, "--model", loud).code == 0
    assert bars_of(one) == 10
    assert run("interpolate", a, b, "-o", many, "--steps", 5, "--model", loud).code == 0
    assert sorted(p.name for p in many.iterdir()) == [f"a-to-b-{i}.mid" for i in range(1, 6)]
    assert {bars_of(p) for p in many.iterdir()} == {2}


def test_a_morph_can_be_drawn_and_heard(
    run: Run, a: Path, b: Path, loud: Path, tmp_path: Path
) -> None:
    out, png, wav = (tmp_path / f"m{ending}" for ending in (".mid", ".png", ".wav"))
    done = run("interpolate", a, b, "-o", out, "--bars", 4, "--plot", png, "--wav", wav,
               "--model", loud)  # fmt: skip
    assert done.code == 0
    assert png.read_bytes().startswith(b"\x89PNG")
    assert wav.read_bytes().startswith(b"RIFF")


def test_what_cannot_be_finished_leaves_nothing(
    run: Run, a: Path, b: Path, loud: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise ValueError("no sound today")

    monkeypatch.setattr("musicvae.notes.render.to_wav", fail)
    before = sorted(tmp_path.iterdir())
    done = run("interpolate", a, b, "-o", tmp_path / "m.mid", "--wav", tmp_path / "m.wav",
               "--model", loud)  # fmt: skip
    assert (done.code, done.err) == (2, "musicvae: no sound today\n")
    assert sorted(tmp_path.iterdir()) == before


def test_a_song_turns_into_itself_and_it_is_said(
    run: Run, a: Path, tiny: Path, tmp_path: Path
) -> None:
    done = run("interpolate", a, a, "-o", tmp_path / "m.mid", "--model", tiny)
    assert done.code == 0
    assert "Both hold the same melody" in done.out
    assert (tmp_path / "m.mid").is_file()


def test_the_track_can_be_chosen(run: Run, a: Path, b: Path, loud: Path, tmp_path: Path) -> None:
    for track in ("bass", "0"):
        done = run("interpolate", a, b, "-o", tmp_path / "m.mid", "--track-a", track,
                   "--model", loud)  # fmt: skip
        assert done.code == 0
        assert read_midi(tmp_path / "m.mid").tracks[0].program == 33
    done = run("interpolate", a, b, "-o", tmp_path / "x.mid", "--track-b", "oboe", "--model", loud)
    assert done.code == 2
    assert "b.mid: no track 'oboe'" in done.err
    assert not (tmp_path / "x.mid").exists()


def test_samples_are_the_same_for_the_same_seed(run: Run, tiny: Path, tmp_path: Path) -> None:
    first, second, third = (tmp_path / n for n in ("one", "two", "three"))
    for folder, seed in ((first, 7), (second, 7), (third, 8)):
        done = run("sample", "-n", 3, "-o", folder, "--seed", seed, "-t", 1.5, "--model", tiny)
        assert done.code == 0
        assert f"--seed {seed}" in done.out
    names = [f"sample-7-{i}.mid" for i in (1, 2, 3)]
    assert sorted(p.name for p in first.iterdir()) == names
    contents = [(first / n).read_bytes() for n in names]
    assert contents == [(second / n).read_bytes() for n in names]
    assert contents != [p.read_bytes() for p in sorted(third.iterdir())]


def test_samples_can_share_a_file(run: Run, loud: Path, tmp_path: Path) -> None:
    done = run("sample", "-n", 3, "-o", tmp_path / "s.mid", "--model", loud)
    assert done.code == 0
    assert bars_of(tmp_path / "s.mid") == 6


def test_without_a_seed_the_one_drawn_is_said(run: Run, tiny: Path, tmp_path: Path) -> None:
    said = [
        run("sample", "-n", 1, "-o", tmp_path / f"{i}.mid", "--model", tiny).out for i in (1, 2)
    ]
    assert all("The same again: --seed " in text for text in said)
    assert len({text.split("--seed")[1] for text in said}) == 2


def test_reconstruct_counts_what_came_back(run: Run, a: Path, loud: Path, tmp_path: Path) -> None:
    out = tmp_path / "r.mid"
    done = run("reconstruct", a, "-o", out, "--json", "--model", loud)
    assert done.code == 0
    said = json.loads(done.out)
    assert len(said["bars"]) == 8
    right = 1 / 32  # a scale of eight notes in two bars: token 42 is the pitch 61
    assert said["accuracy"] == pytest.approx(right)
    done = run("reconstruct", a, "-o", out, "--model", loud)
    assert "3.1% of all sixteenths came back right; 0 of 8 bars exactly." in done.out
    assert "  1  ▁▁▁▁▁▁▁▁\n" in done.out


def test_encode_and_decode_give_the_reconstruction(
    run: Run, a: Path, tiny: Path, tmp_path: Path
) -> None:
    z, back, direct = (tmp_path / n for n in ("z.npz", "back.mid", "direct.mid"))
    assert "4 windows of 2 bars, 8 numbers" in run("encode", a, "-o", z, "--model", tiny).out
    with np.load(z) as file:
        assert file["mean"].shape == (4, 8)
        assert (file["std"] > 0).all()
        starts = [json.loads(str(o))["start_step"] for o in file["origins"]]
    assert starts == [0, 32, 64, 96]
    assert run("decode", z, "-o", back, "--model", tiny).code == 0
    assert run("reconstruct", a, "-o", direct, "--model", tiny).code == 0
    x, y = read_midi(back), read_midi(direct)
    np.testing.assert_array_equal(x.pitch, y.pitch)
    np.testing.assert_allclose(x.start, y.start)


def test_decode_looks_for_the_model_that_made_the_file(
    run: Run, a: Path, tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    z, out = tmp_path / "z.npz", tmp_path / "back.mid"
    run("encode", a, "-o", z, "--model", tiny)
    done = run("decode", z, "-o", out)
    assert done.code == 2
    assert "there is no checkpoint 'tiny'" in done.err
    monkeypatch.setattr("musicvae.catalogue.BESIDE", tiny.parent)
    assert run("decode", z, "-o", out).code == 0


def test_variations_go_from_the_song_itself_to_others(
    run: Run, a: Path, tiny: Path, tmp_path: Path
) -> None:
    run("reconstruct", a, "-o", tmp_path / "r.mid", "--model", tiny)
    done = run("vary", a, "-o", tmp_path / "v", "--amount", 0, "-n", 2, "--seed", 3,
               "--model", tiny)  # fmt: skip
    assert done.code == 0
    same = read_midi(tmp_path / "r.mid").pitch
    for i in (1, 2):
        np.testing.assert_array_equal(read_midi(tmp_path / "v" / f"a-vary-3-{i}.mid").pitch, same)


def test_the_models_at_hand_are_listed(
    run: Run, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("musicvae.catalogue.BESIDE", tiny.parent)
    said = {m["name"]: m for m in json.loads(run("models", "--json").out)}
    assert said["tiny"]["bars"] == 2
    assert said["tiny"]["figures"] == dict(load(tiny).figures)
    text = run("models").out
    assert "25.0%" in text
    assert "tiny: a toy, in " in text


def test_what_each_model_reads_is_listed(
    run: Run, kinds: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("musicvae.catalogue.BESIDE", kinds["melody-2bar"].parent)
    said = {m["name"]: (m["reads"], m["bars"]) for m in json.loads(run("models", "--json").out)}
    expected = {
        "melody-2bar-chords": ("melody", 2),
        "drums-2bar": ("drums", 2),
        "trio-16bar": ("trio", 16),
        "groove-2bar-tap": ("groove", 2),
        "multitrack-1bar": ("multitrack", 1),
        "text-small": ("text", None),
    }
    assert {name: said[name] for name in expected} == expected
    rows = [line.split() for line in run("models").out.splitlines()]
    table = [row for row in rows if row and row[0] in said and row[2:]]
    shown = {row[0]: (row[1], None if row[2] == "-" else int(row[2])) for row in table}
    assert {name: shown[name] for name in expected} == expected
