"""The key of a score is found from its notes alone, and named as musicians name it."""

from __future__ import annotations

import pytest

from musicvae.notes.key import estimate_key, key_name
from musicvae.notes.programs import PROGRAMS
from musicvae.notes.score import Key, Score, Track
from musicvae.notes.transform import transpose
from tests.notes.scores import score_of

MAJOR = (0, 2, 4, 5, 7, 9, 11, 12, 7, 4, 0)
MINOR = (0, 2, 3, 5, 7, 8, 11, 12, 7, 3, 0)


def tune(steps: tuple[int, ...], tonic: int) -> Score:
    return score_of([(60 + tonic + s, 80, i * 0.5, i * 0.5 + 0.5, 0) for i, s in enumerate(steps)])


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize(("steps", "minor"), [(MAJOR, False), (MINOR, True)])
def test_scales_are_found(steps: tuple[int, ...], minor: bool, tonic: int) -> None:
    assert estimate_key(tune(steps, tonic)) == Key(0.0, tonic, minor)


def test_the_key_moves_along_with_the_music() -> None:
    score = tune(MAJOR, 0)
    for semitones in range(-5, 7):
        assert estimate_key(transpose(score, semitones)) == Key(0.0, semitones % 12)


def test_drums_do_not_count_and_too_little_is_no_key() -> None:
    kit = score_of([(35 + i, 80, float(i), i + 1.0, 0) for i in range(9)], (Track(is_drum=True),))
    assert estimate_key(kit) is None
    assert estimate_key(score_of([(60, 80, 0.0, 1.0, 0)])) is None
    assert estimate_key(score_of([])) is None


def test_names() -> None:
    assert key_name(Key(0.0, 10)) == "Bb major"
    assert key_name(Key(0.0, 6, minor=True)) == "F# minor"


def test_general_midi_has_128_programs() -> None:
    assert len(PROGRAMS) == len(set(PROGRAMS)) == 128
    assert [PROGRAMS[i] for i in (0, 24, 40, 56, 73, 127)] == [
        "grand piano", "nylon guitar", "violin", "trumpet", "flute", "gunshot",
    ]  # fmt: skip
