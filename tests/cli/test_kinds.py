"""Every command with every kind of model: what is written, what is said, what is refused."""

from __future__ import annotations

import json
import wave
from pathlib import Path

import numpy as np
import pytest

from musicvae.notes.midi import read_midi, write_midi
from musicvae.notes.score import Meter, Track
from tests.cli.conftest import Run
from tests.cli.test_bad_input import assert_refused
from tests.notes.scores import score_of
from tests.pipeline.kinds import BAND, KINDS, MUSIC, OTHER, SAMPLES, sources

BEAT, TUNE, JIG = (SAMPLES / f"{n}.mid" for n in ("rock_beat", "frere_jacques", "greensleeves"))


def as_file(source: object, path: Path) -> Path:
    """A file as it is, a text in one."""
    if isinstance(source, str):
        path.write_text(source)
        return path
    assert isinstance(source, Path)
    return source


def loudness(path: Path) -> float:
    """The root mean square of a sound, of 1."""
    with wave.open(str(path)) as file:
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2")
    return float(np.sqrt(np.mean((samples / 32768.0) ** 2)))


@pytest.mark.parametrize("name", KINDS)
def test_every_command_works_with_every_kind(
    name: str, run: Run, kinds: dict[str, Path], tmp_path: Path
) -> None:
    model, out = kinds[name], tmp_path / "out"
    a, b = (as_file(source, tmp_path / f"{i}.txt") for i, source in enumerate(sources(name)))
    i, s, r, v, d = (out / f"{n}{'.mid' if name in MUSIC else '.txt'}" for n in "isrvd")
    commands = [
        ["interpolate", a, b, "-o", i],
        ["sample", "-n", 2, "-o", s],
        ["reconstruct", a, "-o", r],
        ["vary", a, "-n", 1, "-o", v],
        ["encode", a, "-o", out / "z.npz"],
        ["decode", out / "z.npz", "-o", d],
    ]
    if name in MUSIC:
        commands[0] += ["--plot", out / "i.png"]
    for command in commands:
        done = run(*command, "--model", model)
        assert (done.code, done.err) == (0, ""), command
    assert len(list(out.iterdir())) == 6 + (name in MUSIC)
    if name in MUSIC:
        np.testing.assert_array_equal(read_midi(d).pitch, read_midi(r).pitch)
    else:
        assert d.read_text() == r.read_text()
    done = run("inspect", a, "--model", model)
    assert "reads it as" in done.out


def test_codes_of_one_model_are_no_music_to_another(
    run: Run, kinds: dict[str, Path], tmp_path: Path
) -> None:
    z, out = tmp_path / "z.npz", tmp_path / "d.mid"
    assert run("encode", BAND, "-o", z, "--model", kinds["drums-2bar"]).code == 0
    done = run("decode", z, "-o", out, "--model", kinds["melody-2bar"])
    assert_refused(done, "holds codes of drums-2bar, and to melody-2bar they mean something else")
    assert not out.exists()


def test_the_sound_of_drums_is_heard(run: Run, kinds: dict[str, Path], tmp_path: Path) -> None:
    commands = {
        "s": ["sample", "-n", 2, "-o", tmp_path / "s", "--model", kinds["drums-2bar"]],
        "v": ["vary", BEAT, "-n", 2, "-o", tmp_path / "v", "--model", kinds["drums-2bar"]],
        "g": ["groove", "humanize", BEAT, "-o", tmp_path / "g.mid", "--model",
              kinds["groove-2bar-humanize"]],
    }  # fmt: skip
    for name, command in commands.items():
        wav = tmp_path / f"{name}.wav"
        assert run(*command, "--wav", wav).code == 0
        assert loudness(wav) > 0.01


def test_parts_are_reported_one_by_one(run: Run, kinds: dict[str, Path], tmp_path: Path) -> None:
    words = ["reconstruct", BAND, "-o", tmp_path / "r.mid", "--model", kinds["trio-16bar"]]
    assert "melody " in run(*words).out.splitlines()[-2]
    assert set(json.loads(run(*words, "--json").out)["parts"]) == {"melody", "bass", "drums"}


def test_a_locked_part_stays(run: Run, kinds: dict[str, Path], tmp_path: Path) -> None:
    out, model = tmp_path / "x.mid", kinds["trio-16bar"]
    done = run("interpolate", BAND, OTHER, "-o", out, "--bars", 32, "--lock", "drums", "-m", model)
    assert done.code == 0
    before, after = read_midi(BAND), read_midi(out)
    counts = [int(np.array([t.is_drum for t in s.tracks])[s.track].sum()) for s in (before, after)]
    assert counts[1] == 2 * counts[0]
    words = ["interpolate", BAND, OTHER, "-o", tmp_path / "no.mid"]
    assert_refused(run(*words, "--lock", "snare", "-m", model), "melody, bass, drums")
    assert_refused(run(*words, "--lock", "drums", "-m", kinds["melody-2bar"]), "has no parts")
    assert not (tmp_path / "no.mid").exists()


def test_samples_follow_chords(run: Run, kinds: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "s.mid"
    words = ["sample", "-n", 1, "-o", out, "--model", kinds["melody-2bar-chords"], "--chords"]
    assert run(*words, "C G Am F").code == 0
    assert [c.symbol for c in read_midi(out).chords] == ["C", "G", "Am", "F"]
    out.unlink()
    assert_refused(run(*words, "C G Xm F"), "chord 3 of 'C G Xm F'", "'Xm'", "A to G", "dim")
    assert_refused(
        run("sample", "-n", 1, "-o", out, "--chords", "C", "--model", kinds["drums-2bar"]),
        "knows no chords",
    )
    assert not out.exists()
    words = ["interpolate", TUNE, JIG, "-o", out, "--steps", 4, "--chords", "Dm G"]
    done = run(*words, "--model", kinds["melody-2bar-chords"])
    assert done.code == 0
    assert {c.symbol for c in read_midi(out).chords} == {"Dm", "G"}


@pytest.mark.parametrize("task", ["humanize", "tap"])
def test_grooves(task: str, run: Run, kinds: dict[str, Path], tmp_path: Path) -> None:
    out, png = tmp_path / "g.mid", tmp_path / "g.png"
    words = ["groove", task, BAND, "-o", out, "--plot", png]
    done = run(*words, "--model", kinds[f"groove-2bar-{task}"])
    assert (done.code, done.err) == (0, "")
    assert "8 windows" in done.out
    assert png.read_bytes().startswith(b"\x89PNG")
    before, after = read_midi(BAND), read_midi(out)
    assert after.tempos == before.tempos
    tunes = [np.array([not t.is_drum for t in s.tracks])[s.track] for s in (before, after)]
    np.testing.assert_array_equal(before.pitch[tunes[0]], after.pitch[tunes[1]])
    if task == "humanize":
        assert len(before) == len(after)


def test_grooves_that_are_refused(run: Run, kinds: dict[str, Path], tmp_path: Path) -> None:
    def refused(*words: object) -> None:
        said = words[-1]
        assert_refused(run("groove", *words[:-1], "-o", tmp_path / "x.mid"), str(said))
        assert not (tmp_path / "x.mid").exists()

    human = kinds["groove-2bar-humanize"]
    refused("swing", BEAT, "--model", human, "humanize or tap, not 'swing'")
    refused("tap", BEAT, "--model", human, "not learned to make drums of a rhythm")
    refused("humanize", BEAT, "--model", kinds["drums-2bar"], "groove-2bar-humanize")
    refused("humanize", TUNE, "--model", human, "the file has no drums")
    refused("tap", JIG, "--model", kinds["groove-2bar-tap"], "a groove is read in bars of 4/4")
    done = run("groove", "tap", JIG, "-o", tmp_path / "x.mid", "--force",
               "--model", kinds["groove-2bar-tap"])  # fmt: skip
    assert done.code == 0


@pytest.mark.parametrize(
    ("name", "song", "said"),
    [
        ("melody-2bar", BEAT, ("only drums", "--model drums-2bar")),
        ("drums-2bar", TUNE, ("has no drums", "track 0", "--track", "--model melody-2bar")),
        ("groove-2bar-humanize", TUNE, ("has no drums",)),
        ("groove-2bar-humanize", JIG, ("has no drums",)),
    ],
)
def test_the_wrong_kind_of_music_is_refused_before_torch_is_loaded(
    name: str, song: Path, said: tuple[str, ...], run: Run, kinds: dict[str, Path], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    def no_model(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("musicvae.cli.songs.load_model", no_model)
    for command in ("encode", "reconstruct", "vary"):
        out = tmp_path / ("x.npz" if command == "encode" else "x.mid")
        done = run(command, song, "-o", out, "--model", kinds[name])
        assert_refused(done, song.name, *said)
    assert_refused(
        run("interpolate", song, song, "-o", tmp_path / "x.mid", "--model", kinds[name]), *said
    )
    assert list(tmp_path.glob("x*")) == []


@pytest.mark.parametrize(
    ("name", "meter", "known"),
    [
        ("melody-2bar", (5, 4), "3/4 or 4/4"),
        ("drums-2bar", (7, 8), "3/4 or 4/4"),
        ("trio-16bar", (5, 4), "3/4 or 4/4"),
        ("melody-2bar-anymeter", (7, 8), "2/4, 3/4, 4/4, 6/8, 9/8 or 12/8"),
        ("groove-2bar-tap", (3, 4), "4/4"),
    ],
)
def test_a_meter_that_a_model_does_not_know_can_be_forced(
    name: str, meter: tuple[int, int], known: str, run: Run, kinds: dict[str, Path], tmp_path: Path
) -> None:
    rows = [(60 + q % 5, 80, q * 0.5, q * 0.5 + 0.5, 0) for q in range(20)]
    rows += [(36, 80, q * 0.5, q * 0.5 + 0.1, 1) for q in range(20)]
    tracks = (Track(name="Tune"), Track(name="Kit", is_drum=True))
    song = tmp_path / "song.mid"
    write_midi(score_of(rows, tracks, meters=(Meter(0.0, *meter),)), song)
    words = ["encode", song, "-o", tmp_path / "z.npz", "--model", kinds[name]]
    assert_refused(run(*words), f"{meter[0]}/{meter[1]}", known, "--force")
    assert not (tmp_path / "z.npz").exists()
    assert run(*words, "--force").code == 0


@pytest.mark.parametrize(
    ("name", "tracks", "said"),
    [
        ("trio-16bar", ["0"], "several parts: say which, as in --track melody=NAME or bass=NAME"),
        ("trio-16bar", ["drums=0"], "only"),
        ("trio-16bar", ["bass=oboe"], "no track 'oboe'"),
        ("drums-2bar", ["bass=1"], "reads no bass, only drums"),
        ("multitrack-1bar", ["1"], "cannot be given one"),
    ],
)
def test_tracks_that_cannot_be_given(
    name: str, tracks: list[str], said: str, run: Run, kinds: dict[str, Path], tmp_path: Path
) -> None:
    options = [word for track in tracks for word in ("--track", track)]
    done = run("encode", BAND, "-o", tmp_path / "z.npz", "--model", kinds[name], *options)
    assert_refused(done, said)


@pytest.mark.parametrize(
    ("name", "tracks", "said"),
    [
        ("trio-16bar", ["bass=fife", "melody=bass"], 'bass: track 2 "Fife"'),
        ("drums-2bar", ["bass"], "drums: track 1"),
        ("groove-4bar", ["drums=Drums"], "as asked for"),
        ("melody-2bar", ["melody=1"], "melody: track 1"),
    ],
)
def test_tracks_can_be_given(
    name: str, tracks: list[str], said: str, run: Run, kinds: dict[str, Path], tmp_path: Path
) -> None:
    options = [word for track in tracks for word in ("--track", track)]
    done = run("encode", BAND, "-o", tmp_path / "z.npz", "--model", kinds[name], *options)
    assert done.code == 0
    assert said in done.out


def test_odd_music_is_read_and_what_is_odd_is_said(
    run: Run, kinds: dict[str, Path], tmp_path: Path
) -> None:
    """Unknown drums, velocities of 0, more than eight tracks."""
    song = tmp_path / "song.mid"
    rows = [(p, 80, q * 0.5, q * 0.5 + 0.1, 0) for q in range(8) for p in (36, 3)]
    write_midi(score_of(rows, (Track(is_drum=True),)), song)
    done = run("encode", song, "-o", tmp_path / "z.npz", "--model", kinds["drums-2bar"])
    assert done.code == 0
    assert "3 is no General MIDI drum" in done.out
    rows = [(50 + k, 80, q * 0.5, q * 0.5 + 0.5, k) for k in range(10) for q in range(8)]
    names = tuple(Track(name=f"part {k}", program=k) for k in range(10))
    write_midi(score_of(rows, names), song)
    done = run("encode", song, "-o", tmp_path / "z.npz", "--model", kinds["multitrack-1bar"])
    assert done.code == 0
    assert "more than 8 tracks" in done.out
    shown = run("inspect", song).out
    assert "more than 8 tracks" in shown
    assert len(shown.splitlines()) < 45


def test_inspect_speaks_of_every_kind(run: Run) -> None:
    said = run("inspect", BAND)
    for words in ("melody: track 2", "bass: track 1", "drums: track 0", "none stated; heard: ",
                  "a model of", "groove", "trio", "tracks"):  # fmt: skip
        assert words in said.out
    assert len(said.out.splitlines()) < 30
    found = json.loads(run("inspect", BAND, "--json").out)
    assert found["parts"]["bass"]["tracks"] == [1]
    assert len(found["chords"]["bars"]) == found["bars"] == 16
    assert [k["bars"] for k in found["kinds"].values()] == [2, 2, 2, 16, 1]
    asked = json.loads(run("inspect", BAND, "--track", "bass=fife", "--json").out)
    assert asked["parts"]["bass"]["tracks"] == [2]
    assert "no drums" in run("inspect", TUNE).out
    assert_refused(run("inspect", BAND, "--model", "melody-2bar", "--bars", 4), "not both")
    assert "4 windows of 4 bars" in run("inspect", BAND, "--model", "drums-4bar").out
