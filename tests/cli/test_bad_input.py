"""Bad input: one clear sentence and exit code 2, or the sensible thing; never half a result."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from musicvae.notes.midi import read_midi, write_midi
from musicvae.notes.score import Track
from tests.cli.conftest import Done, Run
from tests.notes import smf_bytes as smf
from tests.notes.scores import score_of
from tests.pipeline.kinds import MUSIC

NOTES = [
    event for i in range(16) for event in ((0, smf.on(60 + i % 7)), (480, smf.off(60 + i % 7)))
]
PLAIN = smf.file(smf.chunk(NOTES))
DRUMS = [event for _ in range(8) for event in ((0, smf.on(36, 80, 9)), (480, smf.off(36, 9)))]
READERS = ("interpolate", "reconstruct", "vary", "encode", "inspect")

REFUSED = {
    "empty": (b"", "is empty"),
    "text": (b"Dear diary, today I wrote a song.\n", "is not a MIDI file"),
    "cut off in the header": (PLAIN[:10], "cut off"),
    "without notes": (smf.file(smf.chunk([])), "no notes"),
    "only drums": (smf.file(smf.chunk(DRUMS)), "only drums"),
}
SENSIBLE = {
    "truncated": PLAIN[: len(PLAIN) // 2],
    "one note": smf.file(smf.chunk([(0, smf.on(60)), (480, smf.off(60))])),
    "tempo of zero": smf.file(smf.chunk([(0, smf.meta(0x51, b"\0\0\0")), *NOTES])),
    "meter of 0/4": smf.file(smf.chunk([(0, smf.meter(0, 2)), *NOTES])),
    "no end of track": smf.file(smf.chunk(NOTES, end=False)),
}


def arguments(command: str, song: Path, out: Path, model: Path) -> list[object]:
    """A command line that reads `song` and writes into the folder `out`."""
    match command:
        case "inspect":
            return ["inspect", song]
        case "interpolate":
            return ["interpolate", song, song, "-o", out / "x.mid", "--model", model]
        case "encode":
            return ["encode", song, "-o", out / "x.npz", "--model", model]
        case "vary":
            return ["vary", song, "-o", out / "many", "--model", model]
        case _:
            return [command, song, "-o", out / "x.mid", "--model", model]


def assert_refused(done: Done, *words: str) -> None:
    """One sentence on stderr, and the exit code of a mistake."""
    assert done.code == 2
    assert done.err.startswith("musicvae: ")
    assert done.err.count("\n") == 1
    assert "Traceback" not in done.err
    for word in words:
        assert word in done.err


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """An empty folder, in which nothing may be left."""
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize("case", REFUSED)
def test_what_is_no_music_is_refused(
    case: str, command: str, run: Run, tiny: Path, tmp_path: Path, out: Path
) -> None:
    content, words = REFUSED[case]
    song = tmp_path / "song.mid"
    song.write_bytes(content)
    done = run(*arguments(command, song, out, tiny))
    if command == "inspect" and case in ("without notes", "only drums"):
        assert done.code == 0
        assert words in done.out
    else:
        assert_refused(done, words, "song.mid")
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize("case", SENSIBLE)
def test_what_holds_some_music_is_read(
    case: str, command: str, run: Run, tiny: Path, tmp_path: Path, out: Path
) -> None:
    song = tmp_path / "song.mid"
    song.write_bytes(SENSIBLE[case])
    done = run(*arguments(command, song, out, tiny))
    assert (done.code, done.err) == (0, "")
    for path in out.rglob("*.mid"):
        read_midi(path)


@pytest.mark.parametrize("command", ["interpolate", "reconstruct", "encode", "inspect"])
def test_ten_thousand_bars_are_read(
    command: str, run: Run, tiny: Path, tmp_path: Path, out: Path
) -> None:
    rows = [(60 + i % 12, 80, i * 2.0, i * 2.0 + 2, 0) for i in range(10_000)]
    write_midi(score_of(rows), tmp_path / "long.mid")
    done = run(*arguments(command, tmp_path / "long.mid", out, tiny))
    assert (done.code, done.err) == (0, "")
    assert len(done.out.splitlines()) < 30
    assert command == "inspect" or any(out.rglob("*"))


@pytest.mark.parametrize("command", READERS)
def test_a_file_that_is_not_there(
    command: str, run: Run, tiny: Path, tmp_path: Path, out: Path
) -> None:
    assert_refused(run(*arguments(command, tmp_path / "no.mid", out, tiny)), "there is no file")
    assert_refused(run(*arguments(command, tmp_path, out, tiny)), "is a folder")
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("command", [*READERS[:4], "sample"])
def test_where_nothing_can_be_written(
    command: str, run: Run, a: Path, tiny: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found out before the model is loaded."""

    def no_model(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("musicvae.cli.songs.load_model", no_model)
    for folder in (a / "within", Path("/proc/no")):
        words = arguments(command, a, folder, tiny)
        if command == "sample":
            words = ["sample", "-o", folder / "many"]
        assert_refused(run(*words), "cannot write into")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["-o", "x.mp3"], "has to end in .mid or .midi, not .mp3"),
        (["-o", "x"], "has to end in .mid or .midi"),
        (["-o", "."], "is a folder"),
        (["-o", "a.mid"], "is one of the files to read"),
        (["-o", "./sub/../b.mid"], "is one of the files to read"),
        (["-o", "x.mid", "--plot", "x.gif"], "has to end in .png"),
        (["-o", "x.mid", "--wav", "x.mp3"], "has to end in .wav"),
        (["-o", "x.mid", "--bars", "3"], "at least 4 bars, not 3"),
        (["-o", "x.mid", "--bars", "-1"], "at least 4 bars, not -1"),
        (["-o", "x.mid", "--steps", "1"], "2 or more, not 1"),
        (["-o", "x.mid", "--steps", "3", "--bars", "8"], "--steps or --bars, not both"),
        (["-o", "x.mid", "--temperature", "-1"], "--temperature is 0 or above, not -1"),
        (["-o", "x.mid", "--temperature", "nan"], "--temperature is 0 or above, not nan"),
        (["-o", "x.mid", "--seed", "-1"], "--seed is a whole number"),
        (["-o", "x.mid", "--device", "toaster"], "there is no device 'toaster'"),
        (["-o", "x.mid", "--track-a", "99"], "no track"),
    ],
)
def test_options_that_cannot_be(
    options: list[str], words: str, run: Run, a: Path, b: Path, tiny: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(a.parent)
    Path("sub").mkdir()
    before = {p: p.read_bytes() for p in a.parent.iterdir() if p.is_file()}
    assert_refused(run("interpolate", "a.mid", "b.mid", "--model", tiny, *options), words)
    assert before == {p: p.read_bytes() for p in a.parent.iterdir() if p.is_file()}


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["sample", "-o", "s", "-n", "0"], "-n is how many"),
        (["vary", "a.mid", "-o", "s", "-n", "-2"], "-n is how many"),
        (["vary", "a.mid", "-o", "s", "--amount", "1.5"], "--amount goes from 0"),
        (["vary", "a.mid", "-o", "a.mid"], "is one of the files to read"),
        (["encode", "a.mid", "-o", "z.mid"], "has to end in .npz"),
        (["decode", "a.mid", "-o", "x.mid"], "a.mid holds no latents"),
        (["decode", "no.npz", "-o", "x.mid"], "there is no file no.npz"),
        (["inspect", "a.mid", "--bars", "0"], "at least one bar"),
        (["inspect", "a.mid", "--track", "oboe"], "no track 'oboe'"),
        (["prepare", "nothing/", "-o", "d"], "there is no file or folder nothing"),
        (["prepare", ".", "-o", "d", "--preset", "melody-2bars"], "did you mean 'melody-2bar'"),
        (["prepare", ".", "-o", "d", "--workers", "0"], "--workers is 1 or more"),
        (["prepare", ".", "-o", "d", "--bars", "0"], "at least one bar"),
        (["train", "--preset", "x", "--data", ".", "-o", "r"], "there is no preset 'x'"),
        (["train", "--preset", "melody-2bar", "--data", ".", "-o", "r"], "no prepared dataset"),
        (["evaluate", "--data", "."], "no prepared dataset"),
        (["evaluate", "--data", ".", "--limit", "0"], "--limit is 1 or more"),
        (["evaluate", "--data", ".", "-o", "x.txt"], "has to end in .json"),
    ],
)  # fmt: skip
def test_other_commands_answer_likewise(
    command: list[str], words: str, run: Run, a: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(a.parent)
    assert_refused(run(*command), words)
    assert [p.name for p in a.parent.iterdir()] == ["a.mid"]


def disagree(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    first = sorted(weights)[0]
    save_file(weights | {first: weights[first].repeat(2, *[1] * (weights[first].ndim - 1))},
              folder / "model.safetensors")  # fmt: skip


def from_the_future(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"format": 99}))


def unknown_format(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"format": "new"}))


def no_preset(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"preset": "tiny"}))


def without_weights(folder: Path) -> None:
    (folder / "model.safetensors").unlink()


def cut_weights(folder: Path) -> None:
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])


def no_json(folder: Path) -> None:
    (folder / "config.json").write_text("{")


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (disagree, "config.json and its weights disagree"),
        (from_the_future, "pip install --upgrade musicvae"),
        (unknown_format, "format"),
        (no_preset, "config.json"),
        (without_weights, "has no model.safetensors"),
        (cut_weights, "damaged"),
        (no_json, "not readable as JSON"),
        (shutil.rmtree, "there is no checkpoint"),
    ],
)
def test_a_checkpoint_that_cannot_be_used(
    spoil: Callable[[Path], None], words: str, run: Run, a: Path, tiny: Path, tmp_path: Path,
    out: Path,
) -> None:  # fmt: skip
    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    spoil(folder)
    assert_refused(run("reconstruct", a, "-o", out / "x.mid", "--model", folder), words)
    assert list(out.iterdir()) == []


def test_an_unknown_model_is_answered_with_those_there_are(
    run: Run, tiny: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("musicvae.catalogue.BESIDE", tiny.parent)
    done = run("sample", "-o", out / "x.mid", "-n", 1, "--model", "tyni")
    assert_refused(done, "there is no checkpoint 'tyni'", "tiny")


def test_latents_of_another_model_are_refused(run: Run, a: Path, tiny: Path, out: Path) -> None:
    z = a.parent / "z.npz"
    run("encode", a, "-o", z, "--model", tiny)
    with np.load(z) as file:
        columns = dict(file)
    np.savez(z, **columns | {"mean": columns["mean"][:, :4], "std": columns["std"][:, :4]})
    assert_refused(run("decode", z, "-o", out / "x.mid", "--model", tiny), "8 numbers")
    np.savez(z, **columns | {"mean": columns["mean"][:2], "std": columns["std"][:2]})
    assert_refused(run("decode", z, "-o", out / "x.mid", "--model", tiny), "not of the same")
    np.savez(z, mean=columns["mean"])
    assert_refused(run("decode", z, "-o", out / "x.mid", "--model", tiny), "holds no latents")
    assert list(out.iterdir()) == []


def test_only_a_lenient_model_can_be_given_a_track(
    run: Run, a: Path, tiny: Path, tmp_path: Path, out: Path
) -> None:
    folder = tmp_path / "strict"
    shutil.copytree(tiny, folder)
    config = json.loads((folder / "config.json").read_text())
    config["preset"]["representation"]["extraction"] = {"kind": "Strict"}
    (folder / "config.json").write_text(json.dumps(config))
    words = ["reconstruct", a, "-o", out / "x.mid", "--model", folder]
    assert run(*words).code == 0
    assert_refused(run(*words, "--track", "0"), "cannot be given one")


def test_a_drum_kit_is_no_melody(run: Run, tiny: Path, tmp_path: Path, out: Path) -> None:
    rows = [(60, 90, 0.0, 1.0, 0), (36, 90, 0.0, 1.0, 1)]
    write_midi(score_of(rows, (Track(), Track(name="Kit", is_drum=True))), tmp_path / "s.mid")
    done = run("encode", tmp_path / "s.mid", "-o", out / "z.npz", "--track", "kit", "--model", tiny)
    assert_refused(done, "drum kit", "s.mid")


def test_programs_that_change_within_a_track_trouble_no_kind(
    run: Run, kinds: dict[str, Path], tmp_path: Path, out: Path
) -> None:
    """A tune whose instrument changes in every bar, once within a note; drums whose kit does."""
    tune, beat = [], []
    for i in range(32):
        change = [(0, smf.program(i // 4 * 8))] if i % 4 == 0 else []
        middle = [(240, smf.program(40))] if i == 9 else []
        tune += [*change, (0, smf.on(60 + i % 7)), *middle]
        tune += [(240 if middle else 480, smf.off(60 + i % 7))]
        kit = [(0, smf.program(i // 4 % 3 * 8, 9))] if i % 4 == 0 else []
        beat += [*kit, (0, smf.on(36 + i % 3, 80, 9)), (480, smf.off(36 + i % 3, 9))]
    song = tmp_path / "song.mid"
    song.write_bytes(smf.file(smf.chunk(tune), smf.chunk(beat)))
    said = run("inspect", song)
    assert (said.code, said.err) == (0, "")
    for name in MUSIC:
        model = kinds[name]
        done = run("reconstruct", song, "-o", out / f"{name}.mid", "--model", model)
        assert (done.code, done.err) == (0, ""), name
        if name.startswith("melody"):
            assert "melody: track " in done.out
    for task in ("humanize", "tap"):
        model = kinds[f"groove-2bar-{task}"]
        done = run("groove", task, song, "-o", out / f"{task}.mid", "--model", model)
        assert (done.code, done.err) == (0, "")
        programs = {t.program for t in read_midi(out / f"{task}.mid").tracks if not t.is_drum}
        assert programs == set(range(0, 64, 8))
