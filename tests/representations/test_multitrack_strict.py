"""The reference is the witness: recorded bars, controls and notes, and its rules one by one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from musicvae.notes.midi import read_midi
from musicvae.notes.score import Score, Track
from musicvae.representations.base import Example
from musicvae.representations.chord_controls import Triads
from musicvae.representations.multitrack import Multitrack, StrictMultitrack
from tests.representations.melodies import Note, score

GOLDEN = Path(__file__).parent.parent / "golden"
FILES = sorted(p.stem for p in (GOLDEN / "midi").glob("*.mid"))
PLAIN, CHORDS = "hier-multiperf_vel_1bar_med", "hier-multiperf_vel_1bar_med_chords"
STRICT = Multitrack(extraction=StrictMultitrack())
TOLD = Multitrack(extraction=StrictMultitrack(), chords=Triads())
Arrays = tuple[np.ndarray, np.ndarray, np.ndarray | None]


def found_in(music: Score, representation: Multitrack) -> Arrays:
    tokens, lengths, controls, _ = representation.tokenize(music)
    return tokens, lengths, controls


def decoded(tokens: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Of every bar by itself: its number, pitch, start, end, velocity, drums, program."""
    rows = []
    for k, (own, counted) in enumerate(zip(tokens, lengths, strict=True)):
        music = STRICT.decode([Example(tokens=own, lengths=counted)])
        tracks = [music.tracks[t] for t in music.track.tolist()]
        kinds = [[t.is_drum, t.program] for t in tracks]
        columns = [music.pitch, music.start, music.end, music.velocity]
        rows.append(np.column_stack([np.full(len(music), k), *columns, np.array(kinds)]))
    return np.concatenate(rows)


@pytest.mark.parametrize("name", FILES)
def test_bars_controls_and_notes_are_the_references(name: str) -> None:
    music = read_midi(GOLDEN / "midi" / f"{name}.mid")
    with np.load(GOLDEN / "multitrack.npz") as golden:
        tokens, lengths, _ = found_in(music, STRICT)
        np.testing.assert_array_equal(tokens, golden[f"{name}/{PLAIN}/tokens"])
        np.testing.assert_array_equal(lengths, golden[f"{name}/{PLAIN}/lengths"])
        _, _, controls = found_in(music, TOLD)
        np.testing.assert_array_equal(controls, golden[f"{name}/{CHORDS}/controls"])
        if len(tokens):
            notes = golden[f"{name}/{PLAIN}/decoded"]
            np.testing.assert_allclose(decoded(tokens, lengths), notes, atol=1e-9)


def test_the_golden_files_have_bars_to_compare() -> None:
    with np.load(GOLDEN / "multitrack.npz") as golden:
        counts = [len(golden[f"{name}/{PLAIN}/tokens"]) for name in FILES]
        assert sum(n > 0 for n in counts) >= 10
        assert any(n == 0 for n in counts)


BEATS: list[Note] = [(k, k + 1, 60 + k) for k in range(4)]


def bars(*parts: list[Note], tracks: list[Track] | None = None) -> tuple[int, dict[str, int]]:
    """How many bars are taken, and why others are not."""
    survey = STRICT.survey(score(*parts, tracks=tracks))
    return len(survey.examples), dict(survey.dropped)


def test_a_bar_needs_two_to_eight_tracks() -> None:
    assert bars(BEATS) == (0, {"too-few-tracks": 1})
    assert bars(*[BEATS] * 2) == (1, {})
    assert bars(*[BEATS] * 8) == (1, {})
    assert bars(*[BEATS] * 9) == (0, {"too-many-tracks": 1})


def test_a_bar_needs_eight_events_and_no_track_more_than_sixty_four() -> None:
    whole: list[Note] = [(0, 4, 60)]  # velocity, start, shift, end
    assert bars(whole, whole) == (1, {})
    assert bars(whole, [(3.99, 4, 60)]) == (0, {"too-few-events": 1})
    dense = [(k / 8, (k + 0.5) / 8, 60) for k in range(32)]
    assert bars(dense, BEATS) == (0, {"too-many-events": 1})


def test_a_note_on_the_next_bar_line_leaves_a_silent_track_of_drums() -> None:
    late: list[Note] = [(3.99, 4, 60)]
    example = STRICT.encode(score(BEATS, BEATS, late, tracks=[Track(program=p) for p in (5, 6, 1)]))
    assert example[0].tokens.reshape(8, 64)[0, :3].tolist() == [488, 351, 489]
    assert example[0].lengths.tolist()[:4] == [3, 15, 15, 1]


def test_bars_of_other_lengths_are_left_out() -> None:
    three = score(BEATS, BEATS, meters=[(0, 3, 4)])
    assert dict(STRICT.survey(three).dropped) == {"unsupported-meter": 1}
    assert len(STRICT.encode(score(BEATS, BEATS, meters=[(0, 2, 2)]))) == 1


def test_every_bar_knows_where_it_came_from() -> None:
    late = [(a + 8, b + 8, p) for a, b, p in BEATS]
    tracks = [Track(name="Lead", program=80), Track(name="Kit", is_drum=True)]
    (example,) = STRICT.encode(score(late, late, tracks=tracks))
    origin = example.origin
    assert (origin.start_step, origin.start_seconds, origin.qpm) == (32, 4.0, 120.0)
    assert [(p.name, p.program) for p in origin.parts] == [("Lead", 80), ("Kit", 0)]
    assert STRICT.decode([example]).tracks == tuple(tracks)


def test_velocity_zero_is_no_note() -> None:
    music = score(BEATS, BEATS)
    assert STRICT.survey(replace(music, velocity=music.velocity * 0)).dropped == {"no-notes": 1}


@pytest.mark.parametrize("representation", [STRICT, TOLD], ids=["alone", "with chords"])
def test_notes_without_length_at_the_start_make_no_bar(representation: Multitrack) -> None:
    music = score([(0, 0, 60)], [(0, 0, 64)])
    assert representation.survey(music).dropped == {"too-short": 1}
