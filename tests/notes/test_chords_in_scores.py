"""Chord symbols in files, in other libraries' scores, and through transformations."""

from __future__ import annotations

from dataclasses import replace

import pytest

from musicvae.notes.chords import Chord
from musicvae.notes.interop import to_note_sequence, to_pretty_midi, to_score, to_symusic
from musicvae.notes.midi import midi_bytes, read_midi
from musicvae.notes.score import Score
from musicvae.notes.transform import concatenate, slice_seconds, stretch, transpose
from tests.notes.smf_bytes import chunk, file, meta
from tests.representations.melodies import score

CHORDS = (Chord(0.0, "C"), Chord(1.0, "F#m7b5/B"), Chord(2.5, "N.C."))
MUSIC = replace(score([(0, 8, 60)]), chords=CHORDS)


def chords_in(*texts: tuple[int, str]) -> list[str]:
    """The symbols that are read from meta events (kind, text) a quarter apart."""
    events = [(480, meta(kind, text.encode())) for kind, text in texts]
    return [c.symbol for c in read_midi(file(chunk(events))).chords]


def test_a_midi_file_keeps_them() -> None:
    assert read_midi(midi_bytes(MUSIC)).chords == CHORDS


@pytest.mark.parametrize("convert", [to_note_sequence, to_pretty_midi, to_symusic])
def test_other_libraries_keep_them(convert: object) -> None:
    assert to_score(convert(MUSIC)).chords == CHORDS  # type: ignore[operator]


@pytest.mark.parametrize("kind", [0x01, 0x05, 0x06])
def test_texts_lyrics_and_markers_are_read(kind: int) -> None:
    assert chords_in((kind, "C"), (kind, "Am7")) == ["C", "Am7"]


def test_words_are_no_chords() -> None:
    assert chords_in((0x05, "A"), (0x05, "maz"), (0x05, "ing")) == []
    assert chords_in((0x06, "A"), (0x06, "B"), (0x06, "C")) == []
    assert chords_in((0x05, "la"), (0x06, "C"), (0x05, "la"), (0x06, "G")) == ["C", "G"]


def test_a_slice_begins_with_the_chord_in_force() -> None:
    assert slice_seconds(MUSIC, 1.5, 3.0).chords == (Chord(0.0, "F#m7b5/B"), Chord(1.0, "N.C."))


def test_transposing_stretching_and_joining_take_them_along() -> None:
    assert [c.symbol for c in transpose(MUSIC, 2).chords] == ["D", "Abm7b5/C#", "N.C."]
    assert [c.time for c in stretch(MUSIC, 2.0).chords] == [0.0, 2.0, 5.0]
    joined: Score = concatenate([MUSIC, MUSIC])
    assert [c.time for c in joined.chords] == [0.0, 1.0, 2.5, 4.0, 5.0, 6.5]
