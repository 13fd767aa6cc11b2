"""Melodies that are told of their chords; the reference is the witness of the strict ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicvae.notes.chords import Chord
from musicvae.notes.errors import Rejected
from musicvae.notes.midi import read_midi
from musicvae.notes.score import Score
from musicvae.representations.base import Example
from musicvae.representations.chord_controls import FullChords, Triads
from musicvae.representations.melody import Melody, Strict
from musicvae.representations.meters import Native
from tests.representations.melodies import score

GOLDEN = Path(__file__).parent.parent / "golden"
STRICT = Melody(bars=2, extraction=Strict(), chords=Triads(), transpose=3)
MELODY = Melody(bars=2, chords=Triads())
CONFIGURATION = "cat-mel_2bar_med_chords"
FOUR_BARS = score([(k, k + 1, 60 + k % 5) for k in range(16)])
with np.load(GOLDEN / "melody_chords.npz") as golden:
    RECORDED = {name: golden[name] for name in golden.files}
FILES = sorted({name.split("/")[0] for name in RECORDED})


def windows(music: Score, melody: Melody) -> tuple[np.ndarray, np.ndarray]:
    examples = melody.survey(music, overlap=True).examples
    none = np.zeros((0, 32), dtype=np.uint8)
    controls = [e.controls for e in examples if e.controls is not None]
    return (
        np.array([e.tokens for e in examples] or none),
        np.array(controls or none),
    )


def with_chords(*chords: tuple[float, str]) -> Score:
    """Four bars of quarters at 120 a minute, and chords (quarter, symbol)."""
    return replace(FOUR_BARS, chords=tuple(Chord(at / 2, symbol) for at, symbol in chords))


@pytest.mark.parametrize("name", FILES)
def test_windows_and_chords_are_the_references(name: str) -> None:
    tokens, controls = windows(read_midi(GOLDEN / "midi" / f"{name}.mid"), STRICT)
    np.testing.assert_array_equal(tokens, RECORDED[f"{name}/tokens"])
    np.testing.assert_array_equal(controls, RECORDED[f"{name}/controls"])


def _decoded(controls: np.ndarray) -> list[tuple[float, str]]:
    example = Example(
        tokens=np.zeros(32, dtype=np.uint8),
        lengths=np.full(2, 16, dtype=np.uint16),
        controls=controls.astype(np.uint8),
    )
    return [(c.time, c.symbol) for c in STRICT.decode([example]).chords]


def test_diminished_chords_are_not_lost() -> None:
    assert _decoded(MELODY.controls_for("C Bdim")) == [(0.0, "C"), (2.0, "Bdim")]


@pytest.mark.parametrize(
    ("chords", "reason"),
    [
        ([(0, "C"), (4, "Gsus4")], "chord-not-a-triad"),
        ([(0, "C"), (4, "verse")], "chord-unreadable"),
        ([(0, "C"), (4, "G"), (4, "F")], "chords-coincide"),
    ],
)
def test_a_chord_that_cannot_be_told_drops_the_stretch_when_strict(
    chords: list[tuple[float, str]], reason: str
) -> None:
    assert STRICT.survey(with_chords(*chords)).dropped == {reason: 1}
    assert MELODY.encode(with_chords(*chords))


@pytest.mark.parametrize("melody", [MELODY, STRICT], ids=["lenient", "strict"])
def test_stated_chords_are_told_at_every_step(melody: Melody) -> None:
    music = with_chords((4, "C"), (6, "Am7"))
    first, second = melody.encode(music)
    assert first.controls is not None
    assert second.controls is not None
    assert first.controls.tolist() == [0] * 16 + [1] * 8 + [22] * 8
    assert second.controls.tolist() == [22] * 32


@pytest.mark.parametrize("melody", [MELODY, STRICT], ids=["lenient", "strict"])
def test_equal_notes_under_other_chords_are_another_window(melody: Melody) -> None:
    same = score([(k, k + 1, 60) for k in range(16)])
    changing = replace(same, chords=(Chord(0.0, "C"), Chord(6.0, "F")))
    one = replace(same, chords=(Chord(0.0, "C"),))
    assert len(melody.encode(one, overlap=True)) == 1
    assert len(melody.encode(changing, overlap=True)) == 2


def test_a_bar_of_three_has_no_chord_behind_its_end() -> None:
    waltz = score([(k, k + 1, 60) for k in range(6)], meters=[(0, 3, 4)])
    (example,) = MELODY.encode(replace(waltz, chords=(Chord(0.0, "C"), Chord(1.5, "G"))))
    assert example.controls is not None
    assert example.controls.tolist() == [1] * 12 + [0] * 4 + [8] * 12 + [0] * 4


def test_what_is_decoded_states_its_chords() -> None:
    music = with_chords((0, "C"), (6, "Am"), (12, "G"))
    decoded = MELODY.decode(MELODY.encode(music))
    assert decoded.chords == music.chords


def test_full_chords_keep_sevenths_and_basses() -> None:
    music = with_chords((0, "C/E"), (6, "Am7"), (12, "G7sus/D"))
    melody = Melody(bars=2, chords=FullChords())
    assert melody.decode(melody.encode(music)).chords == music.chords


def test_chords_by_hand() -> None:
    controls = MELODY.controls_for("C G Am F")
    assert controls.dtype == np.uint8
    assert controls[::8].tolist() == [1, 8, 22, 6]
    waltz = MELODY.controls_for("C | G", meter="3/4")
    assert waltz.tolist() == [1] * 12 + [0] * 4 + [8] * 12 + [0] * 4
    with pytest.raises(ValueError, match=r"chord 2 of 'C H': 'H'"):
        MELODY.controls_for("C H")
    with pytest.raises(ValueError, match="no chords"):
        Melody().controls_for("C")


def test_notes_and_chords_are_transposed_together() -> None:
    tokens = np.tile(np.array([[41] + [0] * 31], dtype=np.uint8), (50, 1))  # C4
    controls = np.tile(MELODY.controls_for("C"), (50, 1))
    moved, told = MELODY.augment(tokens, controls, np.random.default_rng(0))
    assert told is not None
    roots = (moved[:, 0].astype(int) - 41) % 12
    np.testing.assert_array_equal(told, np.repeat(1 + roots[:, None], 32, axis=1))
    assert len(set(roots.tolist())) == 11


def test_chords_and_meters_are_not_told_together() -> None:
    with pytest.raises(ValueError, match="chords or the meters"):
        Melody(chords=Triads(), meters=Native())


def test_music_without_notes_is_rejected_as_ever() -> None:
    with pytest.raises(Rejected, match="no notes"):
        MELODY.encode(score([]))
    tokens, lengths, controls, dropped = MELODY.tokenize(score([]))
    assert controls is not None
    assert (tokens.shape, lengths.shape, controls.shape) == ((0, 32), (0, 2), (0, 32))
    assert dropped == {"no-notes": 1}


@pytest.mark.parametrize("melody", [MELODY, STRICT], ids=["lenient", "strict"])
@given(
    chords=st.lists(
        st.tuples(st.floats(0, 12), st.sampled_from(["C", "Am7/G", "Dsus4", "verse", "", "N.C."])),
        max_size=6,
    ),
    overlap=st.booleans(),
)
def test_any_texts_give_examples_or_a_reason(
    melody: Melody, chords: list[tuple[float, str]], overlap: bool
) -> None:
    survey = melody.survey(with_chords(*sorted(chords)), overlap=overlap)
    assert survey.examples or survey.dropped
    for example in survey.examples:
        assert example.controls is not None
        assert example.controls.max() < 49
