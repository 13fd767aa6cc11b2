from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from note_seq import chord_symbols_lib

from musicvae.notes.chords import (
    NO_CHORD,
    TRIADS,
    Harmony,
    are_chords,
    is_chord,
    name_chord,
    parse_chord,
    parse_progression,
    transpose_chord,
)

ROOTS = ["C", "F#", "Bb", "Cb", "D##"]
CHANGES = ["", "b9", "#11", "(add9)", "add2", "no5", "b5", "#5", "(b9)(#11)", "add7", "no3add4"]
OF_NOTE_SEQ = [
    root + kind + change + bass
    for root, kind, change, bass in product(
        ROOTS, chord_symbols_lib._CHORD_KINDS_BY_ABBREV, CHANGES, ["", "/G", "/Ab"]
    )
][::7]  # 7 is prime to the size of every list
symbols = st.builds(
    lambda root, kind, bass: root + kind + bass,
    st.sampled_from(["C", "C#", "Db", "E", "F#", "Bb", "B"]),
    st.sampled_from(["", "m", "7", "maj7", "m7b5", "dim7", "aug", "sus4", "6/9", "7b9", "(b5)"]),
    st.sampled_from(["", "/C", "/F#", "/Bb"]),
)


def notes(symbol: str) -> Harmony:
    harmony = parse_chord(symbol)
    assert harmony is not None
    return harmony


def test_every_chord_that_note_seq_reads_means_the_same() -> None:
    read = 0
    for symbol in OF_NOTE_SEQ:
        try:
            classes = chord_symbols_lib.chord_symbol_pitches(symbol)
            quality = chord_symbols_lib.chord_symbol_quality(symbol)
        except chord_symbols_lib.ChordSymbolError:
            continue
        read += 1
        assert notes(symbol) == Harmony(
            root=chord_symbols_lib.chord_symbol_root(symbol),
            pitch_classes=tuple(sorted(set(classes))),
            bass=chord_symbols_lib.chord_symbol_bass(symbol),
            triad={0: 0, 1: 1, 2: 2, 3: 3}.get(quality),
        ), symbol
    assert read > 1000


@pytest.mark.parametrize(
    ("symbol", "classes"),
    [
        ("CΔ", [0, 4, 7, 11]),
        ("Bø", [2, 5, 9, 11]),
        ("C°7", [0, 3, 6, 9]),
        ("B♭", [2, 5, 10]),
        ("C7b9#9", [0, 1, 3, 4, 7, 10]),
        ("G7sus4", [0, 2, 5, 7]),
        (" Am ", [0, 4, 9]),
    ],
)
def test_lead_sheets_have_more_spellings(symbol: str, classes: list[int]) -> None:
    assert list(notes(symbol).pitch_classes) == classes


@pytest.mark.parametrize("symbol", ["N.C.", "n.c.", "NC"])
def test_no_chord_is_said_in_several_ways(symbol: str) -> None:
    assert parse_chord(symbol) is None


@pytest.mark.parametrize("symbol", ["H", "", "verse", "c", "Cfoo", "C/", "C/H", "Cb#"])
def test_what_is_no_chord_is_named_with_what_can_be_read(symbol: str) -> None:
    assert not is_chord(symbol)
    with pytest.raises(ValueError, match="a root") as error:
        parse_chord(symbol)
    assert repr(symbol) in str(error.value)


@given(symbol=symbols, semitones=st.integers(-24, 24))
def test_transposing_moves_every_note(symbol: str, semitones: int) -> None:
    before, after = notes(symbol), notes(transpose_chord(symbol, semitones))
    assert after.root == (before.root + semitones) % 12
    assert after.bass == (before.bass + semitones) % 12
    assert after.triad == before.triad
    moved = sorted((p + semitones) % 12 for p in before.pitch_classes)
    assert list(after.pitch_classes) == moved
    back = notes(transpose_chord(transpose_chord(symbol, semitones), -semitones))
    assert back == before


def test_what_cannot_be_read_is_not_transposed() -> None:
    assert transpose_chord("verse", 3) == "verse"
    assert transpose_chord(NO_CHORD, 3) == NO_CHORD


@given(root=st.integers(0, 11), kind=st.sampled_from([*TRIADS, "7", "m7", "6/9", "sus2", "5"]))
def test_a_name_is_found_for_the_notes_of_a_chord(root: int, kind: str) -> None:
    harmony = notes(transpose_chord("C" + kind, root))
    assert notes(name_chord(harmony.root, harmony.pitch_classes, harmony.bass)) == harmony


@given(root=st.integers(0, 11), classes=st.sets(st.integers(0, 11)), bass=st.integers(0, 11))
def test_any_notes_get_a_name(root: int, classes: set[int], bass: int) -> None:
    harmony = notes(name_chord(root, tuple(sorted(classes)), bass))
    assert (harmony.root, harmony.bass) == (root, bass)


def test_a_progression_is_spread_evenly() -> None:
    line = parse_progression("C G Am F", bars=2, steps_per_bar=16)
    assert [line[k] for k in range(0, 32, 8)] == ["C", "G", "Am", "F"]
    assert all(line[k] == line[k - k % 8] for k in range(32))
    assert parse_progression("C G Am", bars=1, steps_per_bar=4) == ("C", "C", "G", "Am")


def test_bar_lines_hold_chords_in_their_bar_and_repeat() -> None:
    assert parse_progression("| C G | F |", bars=4, steps_per_bar=2) == tuple("CGFFCGFF")
    assert parse_progression("C % | %", bars=2, steps_per_bar=2) == ("C",) * 4


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("C H7 F", r"chord 2 of 'C H7 F': 'H7' is no chord symbol"),
        ("C | F H", r"chord 3 of"),
        ("  ", "no chord is given"),
        ("C | F | G", "3 bars of chords are given for 2 bars"),
        ("C " * 40, "40 chords do not fit into 32 steps"),
    ],
)
def test_a_wrong_progression_is_refused_in_words(text: str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        parse_progression(text, bars=2, steps_per_bar=16)


def test_texts_are_chords_if_all_of_them_are() -> None:
    assert are_chords(["C", "Am", "N.C."])
    assert not are_chords(["C", "verse"])
    assert not are_chords([])
    assert not are_chords(["A", "B", "C"])  # the parts of a piece
