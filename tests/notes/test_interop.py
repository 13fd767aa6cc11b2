from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import note_seq
import numpy as np
import pretty_midi
import pytest
import symusic
from hypothesis import given

from musicvae.notes.errors import InvalidMusic
from musicvae.notes.interop import to_note_sequence, to_pretty_midi, to_score, to_symusic
from musicvae.notes.midi import midi_bytes, read_midi
from musicvae.notes.score import Score, Tempo, Track
from tests.notes.scores import A_TRIO, any_score, rows_of, score_of

MIDI = sorted((Path(__file__).parent.parent / "golden" / "midi").glob("*.mid"))


def same(one: Score, other: Score, tolerance: float = 1e-9) -> None:
    assert one.tracks == other.tracks
    for column in ("pitch", "velocity", "track"):
        np.testing.assert_array_equal(getattr(one, column), getattr(other, column))
    for column in ("start", "end"):
        np.testing.assert_allclose(getattr(one, column), getattr(other, column), atol=tolerance)
    for marks in ("tempos", "meters", "keys"):
        ours, theirs = getattr(one, marks), getattr(other, marks)
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            values = [list(vars(mark).values()) for mark in (a, b)]
            np.testing.assert_allclose(*values, atol=1e-4)  # a tempo in microseconds


def test_a_score_a_path_and_bytes(tmp_path: Path) -> None:
    assert to_score(A_TRIO) is A_TRIO
    content = midi_bytes(A_TRIO)
    path = tmp_path / "trio.mid"
    path.write_bytes(content)
    for source in (content, bytearray(content), path, str(path)):
        same(to_score(source), read_midi(content))


@pytest.mark.parametrize("path", MIDI[::4], ids=lambda path: path.stem)
def test_every_library_reads_the_same_notes(path: Path) -> None:
    ours = read_midi(path)
    same(to_score(note_seq.midi_file_to_note_sequence(str(path))), ours, 0)
    same(to_score(pretty_midi.PrettyMIDI(str(path))), ours, 0)
    theirs = to_score(symusic.Score(path))
    assert len(theirs) >= 0.9 * len(ours)  # symusic drops some notes of a pitch that sounds already
    assert theirs.total_seconds == pytest.approx(ours.total_seconds, abs=1e-3)


@given(any_score())
def test_note_sequences_give_everything_back(score: Score) -> None:
    again = to_score(to_note_sequence(score))
    assert rows_of(again) == rows_of(score)
    assert (again.tempos, again.meters, again.keys) == (score.tempos, score.meters, score.keys)


@given(any_score())
def test_pretty_midi_gives_everything_back(score: Score) -> None:
    again = to_score(to_pretty_midi(score))
    assert sorted(map(str, rows_of(again))) == sorted(map(str, rows_of(score)))
    assert again.tracks == score.tracks


def test_all_libraries_give_a_trio_back() -> None:
    same(to_score(to_note_sequence(A_TRIO)), A_TRIO, 0)
    same(to_score(to_pretty_midi(A_TRIO)), A_TRIO, 0)
    for unit in ("tick", "quarter", "second"):
        same(to_score(to_symusic(A_TRIO).to(unit)), A_TRIO, 1e-3)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # a file left open
def test_the_libraries_own_writers_take_our_objects(tmp_path: Path) -> None:
    path = tmp_path / "trio.mid"
    ours = [row[:3] for row in rows_of(A_TRIO)]
    to_pretty_midi(A_TRIO).write(str(path))
    written = [path.read_bytes(), to_symusic(A_TRIO).dumps_midi()]
    note_seq.note_sequence_to_midi_file(to_note_sequence(A_TRIO), str(path))
    for content in (*written, path.read_bytes()):
        read = read_midi(content)
        assert sorted(map(str, (row[:2] for row in rows_of(read)))) == sorted(
            map(str, (row[:2] for row in ours))
        )
        assert read.total_seconds == pytest.approx(3, abs=2e-3)


def test_a_note_sequence_that_states_little() -> None:
    sequence = note_seq.NoteSequence()
    sequence.notes.add(pitch=60, velocity=80, start_time=0, end_time=1, instrument=7)
    sequence.notes.add(pitch=36, velocity=80, start_time=0, end_time=1, instrument=2, is_drum=True)
    sequence.tempos.add(time=0.5, qpm=60)
    score = to_score(sequence)
    assert score.tempos == (Tempo(0.0, 120.0), Tempo(0.5, 60.0))
    assert score.tracks == (Track(is_drum=True), Track())
    assert score.track.tolist() == [1, 0]
    assert score.ticks_per_quarter == 480


def test_no_notes() -> None:
    empty = score_of([], tracks=[])
    for convert in (to_note_sequence, to_pretty_midi, to_symusic):
        assert len(to_score(convert(empty))) == 0


def test_impossible_notes() -> None:
    sequence = note_seq.NoteSequence()
    sequence.notes.add(pitch=300, velocity=80, end_time=1)
    with pytest.raises(InvalidMusic, match="outside 0 to 127"):
        to_score(sequence)
    sequence.notes[0].pitch, sequence.notes[0].end_time = 60, float("nan")
    with pytest.raises(InvalidMusic, match="no finite time"):
        to_score(sequence)


@pytest.mark.parametrize(("source", "kind"), [(3, "int"), (None, "NoneType"), ([60, 62], "list")])
def test_what_is_no_music(source: object, kind: str) -> None:
    with pytest.raises(InvalidMusic, match=f"type {kind} is no music.*pretty_midi.PrettyMIDI"):
        to_score(source)


def test_no_library_is_imported_before_it_is_used() -> None:
    code = """
import sys
from musicvae.notes.interop import to_score
from musicvae.notes import midi, render, pianoroll
print(sorted({"note_seq", "pretty_midi", "symusic", "mido", "matplotlib"} & set(sys.modules)))
"""
    root = Path(__file__).parents[2]
    run = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, check=True)
    assert run.stdout.strip() == b"[]"
