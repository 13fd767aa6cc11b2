from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from note_seq import PitchChordsEncoderDecoder
from note_seq.chords_encoder_decoder import (
    MajorMinorChordOneHotEncoding,
    TriadChordOneHotEncoding,
)

from musicvae.notes.chords import NAMES, TRIADS, Chord
from musicvae.notes.errors import Rejected
from musicvae.notes.score import Key
from musicvae.representations.chord_controls import (
    ChordControls,
    FullChords,
    MajorMinor,
    Triads,
    WithKey,
    likeliest_key,
    tell_chords,
    tell_score,
)
from tests.representations.melodies import score

EVERY: list[ChordControls] = [Triads(), FullChords(), WithKey(), WithKey(chords=FullChords())]
TRIAD_SYMBOLS = ["N.C.", *(root + kind for kind in TRIADS for root in NAMES)]
every = pytest.mark.parametrize("controls", EVERY, ids=str)


def told(controls: ChordControls, symbols: list[str], key: int = 0) -> np.ndarray:
    """One symbol a step -> controls (1, T, ...)."""
    said = tell_chords(controls, list(enumerate(symbols)), [(0, key)], len(symbols))
    return said.rows[said.codes][None]


def test_triads_are_numbered_as_in_note_seq() -> None:
    encoding = TriadChordOneHotEncoding()
    expected = [encoding.encode_event(symbol) for symbol in TRIAD_SYMBOLS]
    assert told(Triads(), TRIAD_SYMBOLS)[0].tolist() == expected == list(range(49))


@pytest.mark.parametrize("symbol", ["N.C.", "Am7/G", "C7b9", "F#m7b5", "Dsus4", "E/F"])
def test_full_chords_are_note_seqs(symbol: str) -> None:
    expected = PitchChordsEncoderDecoder().events_to_input([symbol], 0)
    assert told(FullChords(), [symbol])[0, 0].tolist() == expected


@every
@given(
    symbols=st.lists(st.sampled_from(TRIAD_SYMBOLS), min_size=1, max_size=8),
    semitones=st.integers(-12, 12),
    key=st.integers(0, 11),
)
def test_transposing_controls_is_transposing_chords(
    controls: ChordControls, symbols: list[str], semitones: int, key: int
) -> None:
    moved = [
        TRIAD_SYMBOLS[t]
        for t in Triads().transposed(told(Triads(), symbols), np.array([semitones]))[0]
    ]
    here = controls.transposed(told(controls, symbols, key), np.array([semitones]))
    np.testing.assert_array_equal(here, told(controls, moved, (key + semitones) % 12))
    back = controls.transposed(here, np.array([-semitones]))
    np.testing.assert_array_equal(back, told(controls, symbols, key))


@every
@given(symbols=st.lists(st.sampled_from(TRIAD_SYMBOLS), min_size=1, max_size=8))
def test_symbols_come_back(controls: ChordControls, symbols: list[str]) -> None:
    assert controls.symbols(told(controls, symbols)[0]) == symbols


@every
@given(seed=st.integers(0, 2**32))
def test_any_controls_have_symbols(controls: ChordControls, seed: int) -> None:
    rng, space = np.random.default_rng(seed), controls.space
    high = 49 if isinstance(controls, Triads) else 2
    assert len(controls.symbols(rng.integers(0, high, (5, *space.shape)))) == 5


def test_each_window_is_transposed_by_itself() -> None:
    both = np.concatenate([told(Triads(), ["C", "Am"])] * 2)
    assert Triads().transposed(both, np.array([2, -1])).tolist() == [[3, 24], [12, 21]]


@pytest.mark.parametrize(
    ("symbol", "nearest"), [("Csus4", "C"), ("C5", "C"), ("Cm(#5)", "Cm"), ("C(b5)", "C")]
)
def test_a_chord_without_a_triad_is_told_as_the_nearest(symbol: str, nearest: str) -> None:
    assert told(Triads(), [symbol]).tolist() == told(Triads(), [nearest]).tolist()
    with pytest.raises(Rejected, match=r"Csus4|C5|#5|b5"):
        tell_chords(Triads(), [(0, symbol)], [], 1, exact=True)


def test_before_the_first_chord_there_is_none_and_the_last_goes_on() -> None:
    said = tell_chords(Triads(), [(2, "C"), (4, "G")], [], 7)
    assert said.rows[said.codes].tolist() == [0, 0, 1, 1, 8, 8, 8]


def test_a_key_holds_from_the_start_and_changes() -> None:
    said = tell_chords(WithKey(), [(1, "C")], [(1, 5), (3, 7)], 4)
    assert WithKey().keys(said.rows[said.codes]) == [5, 5, 5, 7]


def test_stated_chords_are_told_on_the_grid_of_the_beats() -> None:
    music = replace(
        score([(0, 8, 60)], qpm=60), chords=(Chord(0.0, "C"), Chord(2.0, "verse"), Chord(4.0, "F"))
    )
    remarks: list[str] = []
    said = tell_score(Triads(), music, 32, remarks)
    assert said.rows[said.codes].tolist() == [1] * 16 + [6] * 16
    assert remarks == ["chords left out, which cannot be read: 'verse'"]


def test_chords_that_are_not_stated_are_inferred_and_said_to_be() -> None:
    remarks: list[str] = []
    said = tell_score(WithKey(), score([(0, 4, 60), (0, 4, 64), (0, 4, 67)]), 16, remarks)
    assert WithKey().symbols(said.rows[said.codes]) == ["C"] * 16
    assert "inferred" in remarks[0]


def test_a_minor_key_is_told_as_its_relative_major() -> None:
    music = replace(score([(0, 4, 60)]), chords=(Chord(0.0, "C"),), keys=(Key(0.0, 9, minor=True),))
    said = tell_score(WithKey(), music, 4, [])
    assert WithKey().keys(said.rows[said.codes]) == [0] * 4


@pytest.mark.parametrize(
    ("symbols", "key"), [("C G Am F", 0), ("Dm G7 C", 0), ("D A Bm G", 2), ("Am Dm E7", 0)]
)
def test_the_key_of_a_progression_is_guessed(symbols: str, key: int) -> None:
    assert likeliest_key(symbols.split()) == key


MAJOR_MINOR = TRIAD_SYMBOLS[:25]


def test_major_and_minor_are_numbered_as_in_note_seq() -> None:
    encoding = MajorMinorChordOneHotEncoding()
    expected = [encoding.encode_event(symbol) for symbol in MAJOR_MINOR]
    assert told(MajorMinor(), MAJOR_MINOR)[0].tolist() == expected == list(range(25))


@pytest.mark.parametrize("controls", [MajorMinor(), WithKey(chords=MajorMinor())], ids=str)
@given(
    symbols=st.lists(st.sampled_from(MAJOR_MINOR), min_size=1, max_size=8),
    semitones=st.integers(-12, 12),
)
def test_major_and_minor_come_back_and_move(
    controls: ChordControls, symbols: list[str], semitones: int
) -> None:
    here = told(controls, symbols)
    assert controls.symbols(here[0]) == symbols
    by = np.array([semitones])
    moved = Triads().symbols(Triads().transposed(told(Triads(), symbols), by)[0])
    np.testing.assert_array_equal(
        controls.transposed(here, by), told(controls, moved, semitones % 12)
    )


@pytest.mark.parametrize(("symbol", "nearest"), [("Caug", "C"), ("Bdim", "Bm"), ("Dsus4", "D")])
def test_what_is_neither_major_nor_minor_is_told_as_the_nearer(symbol: str, nearest: str) -> None:
    np.testing.assert_array_equal(told(MajorMinor(), [symbol]), told(MajorMinor(), [nearest]))
    with pytest.raises(Rejected, match=f"{symbol} is neither major nor minor"):
        MajorMinor().row(symbol, 0, exact=True)


def test_the_key_may_be_told_alone() -> None:
    alone = WithKey(chords=None)
    controls = told(alone, ["C", "Am"], key=7)
    assert controls.shape == (1, 2, 12)
    assert alone.keys(controls[0]) == [7, 7]
    assert alone.symbols(controls[0]) == []
    assert alone.keys(alone.transposed(controls, np.array([6]))[0]) == [1, 1]
