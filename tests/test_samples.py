"""The sample tunes on disk are those of the script, and its ABC is read as musicians read it."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np
import pytest

from musicvae.notes.midi import read_midi

DATA = Path(__file__).parent.parent / "data"
SCRIPT = runpy.run_path(str(DATA / "make_samples.py"))
TUNES = {tune.file: tune for tune in SCRIPT["TUNES"]}


def tune(bars: str, **changes: object) -> object:
    fields = {"file": "x", "meter": (4, 4), "qpm": 60, "key": "C", "unit": SCRIPT["QUARTER"]}
    return SCRIPT["Tune"](**{**fields, **changes}, parts=SCRIPT["solo"]("x", 0, bars))


def read(bars: str, **changes: object) -> list[tuple[int, float, float]]:
    notes = SCRIPT["melody"](tune(bars, **changes), bars)
    return [(pitch, float(start), float(end)) for pitch, start, end in notes]


def test_every_sample_is_a_tune_of_the_script_and_in_the_readme() -> None:
    files = {path.stem for path in (DATA / "samples").glob("*.mid")}
    assert files == set(TUNES)
    assert all(f"`{file}.mid`" in (DATA / "README.md").read_text() for file in files)


@pytest.mark.parametrize("file", TUNES)
def test_a_sample_sounds_as_typed(file: str) -> None:
    typed = SCRIPT["score"](TUNES[file])
    there = read_midi(DATA / "samples" / f"{file}.mid")
    order, other = (np.lexsort((s.pitch, s.start.round(3), s.track)) for s in (typed, there))
    for column in ("pitch", "velocity", "track"):
        np.testing.assert_array_equal(getattr(there, column)[other], getattr(typed, column)[order])
    np.testing.assert_allclose(there.start[other], typed.start[order], atol=1e-3)
    np.testing.assert_allclose(there.end[other], typed.end[order], atol=1e-3)
    assert there.tracks == typed.tracks
    assert there.keys == typed.keys
    assert there.meters == typed.meters


def test_octaves_accidentals_lengths_ties_and_rests() -> None:
    assert read("C,^F_Bc'|", key="G") == [(48, 0, 1), (66, 1, 2), (70, 2, 3), (84, 3, 4)]
    assert read("F=FF3/2z/|", key="D") == [(66, 0, 1), (65, 1, 2), (66, 2, 3.5)]
    assert read("C2DE-|E4|") == [(60, 0, 2), (62, 2, 3), (64, 3, 8)]


def test_a_pick_up_ends_its_bar() -> None:
    assert read("G|C4|C3|") == [(67, 3, 4), (60, 4, 8), (60, 8, 11)]


@pytest.mark.parametrize(
    ("bars", "words"), [("CDE|C4|CC|", "do not fill"), ("C?|", "subset"), ("C2C2-|D4|", "a tie")]
)
def test_a_slip_of_the_pen_is_found(bars: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read(bars)
