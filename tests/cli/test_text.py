"""The commands with a model of text: sentences in files and in quotes, results that are printed,
and options, files and words that cannot be."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

from tests.cli.conftest import Done, Run
from tests.cli.test_bad_input import assert_refused
from tests.pipeline.kinds import BAND, SENTENCES, tiny

FIRST, SECOND = SENTENCES[0], SENTENCES[4]
LONG = " ".join(SENTENCES)
READERS = ("interpolate", "reconstruct", "vary", "encode", "inspect")
FILES = {
    "empty": (b"", "is empty"),
    "blank": (b"\n \n\t\n", "only blank lines"),
    "binary": (bytes(range(256)) * 8, "is a binary file"),
    "Latin-1": ("A caf\u00e9.\n".encode("latin-1"), "may be in Latin-1: save it as UTF-8"),
    "unknown": ("\u4f60\u597d\n".encode(), "nothing in it is in the vocabulary"),
}


@pytest.fixture
def model(kinds: dict[str, Path]) -> Path:
    return kinds["text-small"]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to be in, with a file of sentences."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    Path("s.txt").write_text("\n".join(SENTENCES) + "\n")
    return tmp_path / "here"


def lines(done: Done) -> list[str]:
    """What was printed, of a command that went well."""
    assert done.code == 0, done.err
    return done.out.splitlines()


def arguments(command: str, song: object) -> list[object]:
    """A command that reads `song`, and has to write where nothing can be printed."""
    match command:
        case "interpolate":
            return ["interpolate", song, FIRST]
        case "encode":
            return ["encode", song, "-o", "x.npz"]
        case _:
            return [command, song]


def test_samples_are_printed_alone(run: Run, model: Path) -> None:
    done = run("sample", "-n", 5, "--seed", 3, "--model", model)
    assert lines(done) == tiny("text-small").sample(5, seed=3)
    assert done.err == "The same again: --seed 3\n"


def test_samples_are_written(run: Run, model: Path, here: Path) -> None:
    words = ["sample", "-n", 3, "--seed", 3, "--model", model, "-o"]
    expected = tiny("text-small").sample(3, seed=3)
    assert lines(run(*words, "s3.txt"))[0] == "s3.txt: 3, one after another"
    assert Path("s3.txt").read_text() == "\n".join(expected) + "\n"
    assert lines(run(*words, "many"))[0] == f"{Path('many', 'sample-3-1.txt')} to sample-3-3.txt"
    assert [p.read_text() for p in sorted(Path("many").iterdir())] == [f"{s}\n" for s in expected]


def test_a_sentence_turns_into_another_step_by_step(run: Run, model: Path) -> None:
    words = ["interpolate", FIRST, SECOND, "--model", model]
    done = run(*words, "--steps", 7)
    expected = tiny("text-small").interpolate(FIRST, SECOND, 7)
    assert lines(done) == [f"{i / 6:.2f}  {step}" for i, step in enumerate(expected)]
    assert done.err == ""  # nothing is left to chance
    assert len(lines(run(*words))) == 9
    drawn = run(*words, "-t", 1, "--seed", 2)
    assert drawn.err == "The same again: --seed 2\n"
    assert drawn.out != run(*words, "-t", 1, "--seed", 4).out


def test_steps_are_written_from_the_first_sentence_to_the_first(
    run: Run, model: Path, here: Path
) -> None:
    words = ["interpolate", "s.txt", SECOND, "--steps", 3, "--model", model, "-o"]
    said = lines(run(*words, "out.txt"))
    assert said == ["s.txt: only the first of 8 sentences is used", "out.txt: 3 steps"]
    expected = tiny("text-small").interpolate(FIRST, SECOND, 3)
    assert Path("out.txt").read_text().splitlines() == expected
    assert run(*words, "steps").code == 0
    assert sorted(p.name for p in Path("steps").iterdir()) == [
        f"s-to-text-{i}.txt" for i in (1, 2, 3)
    ]
    done = run("interpolate", FIRST, FIRST, "--model", model)
    assert "Both hold the same text" in done.err


def test_sentences_become_numbers_and_sentences_again(run: Run, model: Path, here: Path) -> None:
    assert lines(run("encode", "s.txt", "-o", "z.npz", "--model", model)) == [
        "z.npz: 8 sentences, 16 numbers each"
    ]
    with np.load("z.npz") as file:
        assert file["mean"].shape == (8, 16)
    printed = lines(run("decode", "z.npz", "--model", model))
    assert printed == tiny("text-small").reconstruct("s.txt").result.splitlines()
    assert lines(run("decode", "z.npz", "-o", "d.txt", "--model", model)) == ["d.txt"]
    assert Path("d.txt").read_text().splitlines() == printed
    said = lines(run("encode", FIRST, "-o", "z.npz", "--model", model))
    assert said == ["z.npz: 1 sentence, 16 numbers each"]


def test_reconstructions_are_shown_beside_what_they_are_of(
    run: Run, model: Path, here: Path
) -> None:
    back = tiny("text-small").reconstruct("s.txt")
    shown = lines(run("reconstruct", "s.txt", "--model", model))
    after = back.result.splitlines()
    for i, (share, sentence) in enumerate(zip(back.bars, SENTENCES, strict=True)):
        assert shown[2 * i].split(maxsplit=1) == [f"{share:.0%}", sentence]
        assert shown[2 * i + 1].strip() == after[i].strip()
    end = f"{back.share:.1%} of all tokens came back right; 0 of 8 sentences exactly."
    assert shown[-1] == end
    said = json.loads(run("reconstruct", "s.txt", "--json", "--model", model).out)
    assert (said["file"], said["output"], said["accuracy"]) == ("s.txt", None, back.share)
    assert said["pairs"][2] == {"before": SENTENCES[2], "after": after[2]}
    assert said["sentences"] == back.bars.tolist()
    assert lines(run("reconstruct", "s.txt", "-o", "r.txt", "--model", model))[-1] == "r.txt"
    assert Path("r.txt").read_text().splitlines() == after


def test_of_many_sentences_that_are_written_some_are_shown(
    run: Run, model: Path, here: Path
) -> None:
    Path("m.txt").write_text("\n".join(SENTENCES * 2))
    shown = lines(run("reconstruct", "m.txt", "-o", "r.txt", "--model", model))
    assert len(shown) == 2 * 10 + 3
    assert shown[20] == "and 6 more"
    assert len(lines(run("reconstruct", "m.txt", "--model", model))) == 2 * 16 + 1


def test_variations_are_printed(run: Run, model: Path) -> None:
    done = run("vary", FIRST, "-n", 3, "--seed", 1, "--model", model)
    assert lines(done) == tiny("text-small").vary(FIRST, n=3, seed=1)
    same = run("vary", FIRST, "-n", 1, "--amount", 0, "--model", model)
    assert lines(same) == [tiny("text-small").reconstruct(FIRST).result]


def test_inspect_shows_what_is_read(run: Run, model: Path, here: Path) -> None:
    Path("odd.txt").write_text(f"{FIRST}\n\nThe cat \u00f8n the mat.\n{LONG}\n\u4f60\n")
    said = "\n".join(lines(run("inspect", "odd.txt", "--model", model)))
    for words in (
        "reads it as 3 sentences.",
        "Training would take 2 sentences.",
        "Left out: 1 in which nothing is known.",
        "1 too long",
        "read as unknown: '\u00f8'",
        f"\n  {FIRST}\n  The cat \ufffdn the mat.\n",
    ):
        assert words in said
    found = json.loads(run("inspect", "odd.txt", "--model", model, "--json").out)
    assert set(found) == {"file", "kinds"}
    (entry,) = found["kinds"].values()
    assert (entry["unit"], entry["bars"], len(entry["lines"])) == ("sentence", None, 3)
    assert len(lines(run("inspect", FIRST, "--model", model))) == 5


def test_a_file_that_only_one_model_reads_needs_no_name_of_it(
    run: Run, model: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("musicvae.catalogue.BESIDE", model.parent)
    assert "text-small reads it as 8 sentences." in run("inspect", "s.txt").out


@pytest.mark.parametrize("command", READERS)
@pytest.mark.parametrize("case", FILES)
def test_what_is_no_text_is_refused(
    case: str, command: str, run: Run, model: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Before the model is loaded, and torch with it."""

    def no_model(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("musicvae.cli.songs.load_model", no_model)
    content, words = FILES[case]
    Path("bad.txt").write_bytes(content)
    done = run(*arguments(command, "bad.txt"), "--model", model)
    if (case, command) == ("unknown", "inspect"):
        assert any(words in line for line in lines(done))
    else:
        assert_refused(done, "bad.txt", words)
        assert done.out == ""
    assert {p.name for p in here.iterdir()} == {"s.txt", "bad.txt"}


@pytest.mark.parametrize("command", READERS)
def test_what_is_not_there_is_refused(command: str, run: Run, model: Path, here: Path) -> None:
    for given, words in (
        ("no.txt", "there is no file no.txt"),
        ("no.mid", "there is no file no.mid"),
        (here, "is a folder"),
        ("", "the text is empty"),
        ("  ", "the text holds only blank lines"),
    ):
        assert_refused(run(*arguments(command, given), "--model", model), words)
    assert [p.name for p in here.iterdir()] == ["s.txt"]


@pytest.mark.parametrize("command", READERS[:-1])
def test_a_sentence_that_is_too_long_is_cut_or_refused(
    command: str, run: Run, model: Path, here: Path
) -> None:
    words = [*arguments(command, LONG), "--model", model]
    said = run(*words)
    assert said.code == 0
    told = " ".join((said.out + said.err).split())
    assert re.search(r"\.\.\.\": .* cut.* longer than the 48 tokens .* \d+ of 49 words", told)
    Path("x.npz").unlink(missing_ok=True)
    assert_refused(run(*words, "--strict"), "refused by --strict: 1 too long", "48 tokens")
    assert [p.name for p in here.iterdir()] == ["s.txt"]
    assert run(*arguments(command, "s.txt"), "--model", model, "--strict").code == 0


def test_a_song_of_which_something_is_left_out_is_refused_by_strict(
    run: Run, kinds: dict[str, Path], tmp_path: Path
) -> None:
    from musicvae.notes.midi import write_midi
    from musicvae.notes.score import Meter
    from tests.notes.scores import score_of

    rows = [(60 + i, 90, i * 0.5, i * 0.5 + 0.5, 0) for i in range(18)]
    song, out = tmp_path / "song.mid", tmp_path / "v.mid"
    write_midi(score_of(rows, meters=(Meter(0.0, 4, 4), Meter(4.0, 5, 4))), song)
    words = ["vary", song, "-n", 1, "-o", out, "--model", kinds["melody-2bar"]]
    assert_refused(run(*words, "--strict"), "song.mid", "in a meter that cannot be read")
    assert not out.exists()
    assert run(*words).code == 0


@pytest.mark.parametrize("command", READERS)
def test_text_and_music_are_told_from_each_other(
    command: str, run: Run, kinds: dict[str, Path], here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And which model reads it."""
    monkeypatch.setattr("musicvae.catalogue.BESIDE", kinds["text-small"].parent)
    if command != "inspect":
        out = [] if command == "encode" else ["-o", "x.mid"]
        given = ["interpolate", "s.txt", "s.txt"] if command == "interpolate" else None
        words = given or arguments(command, "s.txt")
        done = run(*words, *out)
        assert_refused(done, "s.txt is not a MIDI file", "--model text-small reads .txt files")
        done = run(*arguments(command, FIRST), *out)
        assert_refused(done, f"there is no file {FIRST}; --model text-small takes words")
    done = run(*arguments(command, BAND), "--model", "text-small")
    assert_refused(done, "yankee_doodle_band.mid is a binary", "--model melody-2bar reads .mid")
    assert [p.name for p in here.iterdir()] == ["s.txt"]


def test_without_a_model_at_hand_the_recipe_is_named(
    run: Run, tiny: Path, here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("musicvae.catalogue.BESIDE", tiny.parent)
    done = run("vary", "s.txt", "-o", "x.mid", "--model", "tiny")
    assert_refused(done, "; a model of the preset text reads .txt files")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sample", "--wav", "x.wav"], "--wav is for models of music: text has no notes"),
        (["vary", FIRST, "--wav", "x.wav"], "--wav is for models of music"),
        (["sample", "--chords", "C G"], "knows no chords"),
        (["sample", "-o", "x.mid"], "has to end in .txt, not .mid"),
        (["sample", "-o", "s.txt/x"], "cannot write into"),
        (["sample", "-n", 0], "-n is how many"),
        (["vary", "s.txt", "-o", "s.txt"], "is one of the files to read"),
        (["vary", FIRST, "--track", "1"], "there are no tracks in text"),
        (["vary", FIRST, "--force"], "--force is for models of a few meters"),
        (["encode", FIRST, "-o", "z.txt"], "has to end in .npz"),
        (["decode", "s.txt"], "s.txt holds no latents"),
        (["reconstruct", FIRST, "-t", -1], "--temperature is 0 or above"),
        (["interpolate", FIRST, SECOND, "--plot", "x.png"], "--plot is for models of music"),
        (["interpolate", FIRST, SECOND, "--bars", 8], "--bars is for models of music"),
        (["interpolate", FIRST, SECOND, "--lock", "drums"], "has no parts"),
        (["interpolate", FIRST, SECOND, "--chords", "C"], "knows no chords"),
        (["interpolate", FIRST, SECOND, "--track-b", "1"], "there are no tracks in text"),
        (["interpolate", FIRST, SECOND, "--steps", 1], "2 or more, not 1"),
        (["inspect", "s.txt", "--track", "1"], "there are no tracks in text"),
        (["inspect", "s.txt", "--bars", 2], "a model has its number of bars"),
        (["groove", "humanize", BAND, "-o", "x.mid"], "has not learned to play a drum score"),
    ],
)
def test_what_makes_no_sense_for_text_is_refused(
    words: list[object], said: str, run: Run, model: Path, here: Path
) -> None:
    before = Path("s.txt").read_bytes()
    done = run(*words, "--model", model)
    assert_refused(done, said)
    assert done.out == ""
    assert [p.name for p in here.iterdir()] == ["s.txt"]
    assert Path("s.txt").read_bytes() == before


@pytest.mark.parametrize("command", [*READERS[:3], "sample", "decode"])
def test_music_has_to_be_written(
    command: str, run: Run, tiny: Path, a: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is found out before the model is loaded."""
    z = a.parent / "z.npz"
    assert run("encode", a, "-o", z, "--model", tiny).code == 0

    def no_model(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr("musicvae.cli.songs.load_model", no_model)
    given = {"interpolate": [a, a], "sample": [], "decode": [z]}.get(command, [a])
    done = run(command, *given, "--model", tiny)
    assert_refused(done, "-o is missing", ".mid or .midi", "such as -o out.mid")


def test_codes_of_sentences_are_no_music(
    run: Run, kinds: dict[str, Path], model: Path, here: Path
) -> None:
    assert run("encode", "s.txt", "-o", "z.npz", "--model", model).code == 0
    done = run("decode", "z.npz", "-o", "x.mid", "--model", kinds["melody-2bar"])
    assert_refused(done, "holds codes of text-small, and to melody-2bar they mean something else")
