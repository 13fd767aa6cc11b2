from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicvae.notes.errors import Rejected
from musicvae.notes.score import Score, Tempo, Track
from musicvae.representations.base import Example
from musicvae.representations.melody import Lenient, Melody
from musicvae.representations.melody_events import fold_pitch, transpose_events
from tests.representations.melodies import Note, notes_of, score


def tokens_of(music: Score, melody: Melody, *, overlap: bool = False) -> list[list[int]]:
    return [e.tokens.tolist() for e in melody.survey(music, overlap=overlap).examples]


def row(bars: int, **events: int) -> list[int]:
    """Events at named steps (s0=41 is class 41 at step 0), zeros elsewhere."""
    tokens = [0] * (16 * bars)
    for name, value in events.items():
        tokens[int(name[1:])] = value
    return tokens


@st.composite
def tunes(draw: st.DrawFn) -> list[Note]:
    """Monophonic notes on the grid, with rests, the first of which may be long."""
    at, notes = draw(st.integers(0, 40)), []
    for _ in range(draw(st.integers(1, 40))):
        length = draw(st.integers(1, 24))
        notes.append((at / 4, (at + length) / 4, draw(st.integers(21, 108))))
        at += length + draw(st.sampled_from([0, 0, 0, 1, 2, 7, 40]))
    return notes


@given(
    tunes(),
    st.sampled_from([1, 2, 16]),
    st.sampled_from([(4, 4), (2, 2), (2, 4), (3, 4), (6, 8), (12, 8), (3, 8)]),
    st.floats(30, 240),
    st.integers(0, 127),
)
def test_a_tune_comes_back(
    notes: list[Note], bars: int, meter: tuple[int, int], qpm: float, program: int
) -> None:
    """Leading rests, silent bars, the last note's end, meter, tempo, program, velocity."""
    tracks = [Track(name="tune", program=program)]
    music = score([*notes], tracks=tracks, qpm=qpm, meters=[(0, *meter)], velocity=77)
    melody = Melody(bars=bars)
    back = melody.decode(melody.encode(music))
    assert notes_of(back) == notes_of(music)
    np.testing.assert_allclose(np.sort(back.start), music.start, atol=1e-6)
    assert set(back.velocity.tolist()) == {77}
    assert back.tracks == tuple(tracks)
    assert [t.qpm for t in back.tempos] == [qpm]
    assert [(m.numerator, m.denominator) for m in back.meters] == [meter]


def test_a_note_over_the_window_is_leading_zeros_and_its_note_off() -> None:
    first, second = tokens_of(score([(3, 5, 60)]), Melody(bars=1))
    assert first == row(1, s12=41)
    assert second == row(1, s4=1)


def test_a_change_of_tempo_between_windows_comes_back() -> None:
    music = replace(
        score([(k, k + 1, 60 + k) for k in range(8)]),
        tempos=(Tempo(0.0, 120.0), Tempo(2.0, 60.0)),
    )
    music = replace(music, start=np.array([0, 0.5, 1, 1.5, 2, 3, 4, 5]),
                    end=np.array([0.5, 1, 1.5, 2, 3, 4, 5, 6]))  # fmt: skip
    melody = Melody(bars=1)
    examples = melody.encode(music)
    assert [(e.origin.start_step, e.origin.start_seconds, e.origin.qpm) for e in examples] == [
        (0, 0.0, 120.0),
        (16, 2.0, 60.0),
    ]
    back = melody.decode(examples)
    assert back.tempos == music.tempos
    np.testing.assert_allclose(back.start, music.start)


def test_bars_of_three_quarters_fill_twelve_of_sixteen_steps() -> None:
    example = Melody(bars=2).encode(score([(0, 3, 60), (3, 6, 62)], meters=[(0, 3, 4)]))[0]
    assert example.lengths.tolist() == [12, 12]
    assert example.tokens.tolist() == row(2, s0=41, s16=43)
    assert example.tokens.dtype == np.uint8


@pytest.mark.parametrize("meter", [(5, 4), (7, 8), (9, 8), (5, 8), (0, 4), (4, 0)])
def test_other_meters_are_left_out_by_name(meter: tuple[int, int]) -> None:
    music = score([(k, k + 1, 60) for k in range(20)], meters=[(0, *meter)])
    survey = Melody().survey(music)
    assert not survey.examples
    assert set(survey.dropped) == {"unsupported-meter"}
    assert f"{meter[0]}/{meter[1]}" in survey.remarks[-1]
    with pytest.raises(Rejected) as rejection:
        Melody().encode(music)
    assert rejection.value.reason == "unsupported-meter"


def test_meters_change_between_windows_and_not_within() -> None:
    music = score([(k, k + 1, 60) for k in range(14)], meters=[(0, 4, 4), (8, 3, 4)])
    survey = Melody(bars=2).survey(music)
    assert [e.lengths.tolist() for e in survey.examples] == [[16, 16], [12, 12]]
    assert [e.origin.start_step for e in survey.examples] == [0, 32]
    assert notes_of(Melody().decode(survey.examples)) == notes_of(music)


def test_an_upbeat_stands_at_the_end_of_its_bar() -> None:
    music = score([(0, 1, 60), (1, 5, 62)], meters=[(0, 1, 4), (1, 4, 4)])
    assert tokens_of(music, Melody(bars=1)) == [row(1, s12=41), row(1, s0=43)]


def test_a_bar_cut_short_is_filled_up_and_said() -> None:
    notes = [(k, k + 1, 60) for k in range(10)]
    music = score(notes, meters=[(0, 4, 4), (4, 2, 4), (6, 4, 4)])
    survey = Melody(bars=1).survey(music)
    assert len(survey.examples) == 3
    assert survey.examples[1].tokens.tolist() == row(1, s0=41, s4=41)
    assert "filled up: 1" in survey.remarks[-1]


def test_what_sounds_into_music_that_is_left_out_ends_there() -> None:
    music = score([(0, 15, 60), (15, 16, 62)], meters=[(0, 4, 4), (4, 5, 4), (14, 4, 4)])
    melody = Melody(bars=1)
    assert tokens_of(music, melody) == [row(1, s0=41), row(1, s0=1, s4=43, s8=1)]


def test_filling_up_is_silence() -> None:
    music = score([(0, 4, 60), (4, 7, 62)], meters=[(0, 4, 4), (4, 3, 4)])
    first, second = tokens_of(music, Melody(bars=2))
    assert first == row(2, s0=41, s16=1)
    assert second == row(2, s0=43)[:16] + row(1, s0=1)


def test_overlapping_windows_are_full_sounding_and_distinct() -> None:
    bar = [(0, 1, 60), (1, 2, 62)]
    notes = [(a + 4 * k, b + 4 * k, p) for k in (0, 1, 2, 5) for a, b, p in bar]
    survey = Melody(bars=2).survey(score(notes), overlap=True)
    assert [e.origin.start_step // 16 for e in survey.examples] == [0, 2, 4]
    assert dict(survey.dropped) == {"silent": 1, "duplicate": 1}
    short = Melody(bars=2).survey(score(bar), overlap=True)
    assert not short.examples
    assert dict(short.dropped) == {"too-short": 1}


def test_the_highest_voice_is_the_melody() -> None:
    music = score([(0, 2, 48), (0, 1, 72), (0, 2, 60), (1, 4, 74), (2, 3, 55), (3, 4, 76)])
    survey = Melody(bars=1).survey(music)
    assert notes_of(Melody(bars=1).decode(survey.examples)) == [(0, 1, 72), (1, 3, 74), (3, 4, 76)]
    assert "3 of 6 notes left out" in survey.remarks[1]


def test_legato_is_one_voice() -> None:
    music = score([(0, 1.2, 72), (1, 2.2, 71), (2, 3, 69)])
    back = Melody(bars=1).decode(Melody(bars=1).encode(music))
    assert notes_of(back) == [(0, 1, 72), (1, 2, 71), (2, 3, 69)]


def test_pitches_beyond_the_piano_are_folded_by_octaves() -> None:
    music = score([(0, 1, 10), (1, 2, 120), (2, 3, 21), (3, 4, 108)])
    survey = Melody(bars=1).survey(music)
    assert Melody(bars=1).decode(survey.examples).pitch.tolist() == [22, 108, 21, 108]
    assert "2 of 4 notes lie outside" in survey.remarks[-1]


def test_all_pitches_fold_to_their_own_pitch_class() -> None:
    pitch = np.arange(-40, 200)
    folded = fold_pitch(pitch)
    assert folded.min() == 21
    assert folded.max() == 108
    assert ((folded - pitch) % 12 == 0).all()


def test_velocity_is_the_mean_of_the_windows_notes() -> None:
    music = score([(0, 1, 60), (1, 2, 62), (4, 5, 64)])
    music = replace(music, velocity=np.array([60, 80, 100], dtype=np.uint8))
    assert [e.origin.velocity for e in Melody(bars=1).encode(music)] == [70, 100]


@pytest.mark.parametrize("overlap", [False, True])
def test_ten_thousand_bars_and_silence_before(overlap: bool) -> None:
    music = score([(k / 4, (k + 1) / 4, 40 + k * k % 53) for k in range(20_000, 160_000)])
    survey = Melody(bars=16).survey(music, overlap=overlap)
    assert len(survey.examples) > 50
    whole = Melody(bars=16).decode(Melody(bars=16).encode(music))
    assert len(whole) == 140_000


def test_a_file_that_never_ends_is_refused() -> None:
    survey = Melody().survey(score([(0, 1, 60), (1e7, 1e7 + 1, 60)]))
    assert dict(survey.dropped) == {"too-long": 1}
    assert "at most 100,000 are read" in survey.remarks[0]


@pytest.mark.parametrize(
    ("music", "reason"),
    [
        (score([]), "no-notes"),
        (score(), "no-notes"),
        (score([(0, 1, 36)], tracks=[Track(is_drum=True)]), "only-drums"),
        (score([(0, 1, 60)], velocity=0), "no-notes"),
    ],
)
def test_nothing_to_read_is_a_reason(music: Score, reason: str) -> None:
    assert dict(Melody().survey(music).dropped) == {reason: 1}
    with pytest.raises(Rejected) as rejection:
        Melody().encode(music)
    assert rejection.value.reason == reason


def test_one_note_is_enough() -> None:
    assert tokens_of(score([(0, 1, 60)]), Melody(bars=2)) == [row(2, s0=41, s4=1)]


def test_no_examples_give_an_empty_score() -> None:
    assert len(Melody().decode([])) == 0


def test_a_token_beyond_the_vocabulary_is_named() -> None:
    example = Example(tokens=np.full(32, 90, np.uint8), lengths=np.array([16, 16], np.uint16))
    with pytest.raises(ValueError, match="0 to 89, not 90"):
        Melody().decode([example])


def test_augmentation_transposes_each_row_and_loses_no_note() -> None:
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, 90, size=(200, 32)).astype(np.uint8)
    moved, _ = Melody(transpose=5).augment(tokens, None, rng)
    assert moved.dtype == tokens.dtype
    assert ((moved >= 2) == (tokens >= 2)).all()
    assert (moved[tokens < 2] == tokens[tokens < 2]).all()
    middle = (tokens > 20) & (tokens < 70)
    shifts = np.where(middle, moved.astype(int) - tokens, 99)
    per_row = [set(s.tolist()) - {99} for s in shifts]
    assert all(len(s) == 1 for s in per_row)
    assert {s for (s,) in per_row} == set(range(-5, 6))


@given(st.integers(-30, 30), st.lists(st.integers(0, 89), min_size=1))
def test_transposing_there_and_back_is_the_identity(n: int, row: list[int]) -> None:
    tokens = np.array(row, dtype=np.uint8)
    there = transpose_events(tokens, n)
    moved = tokens.astype(int) + n
    fits = (tokens < 2) | ((moved >= 2) & (moved < 90))
    assert (transpose_events(there, -n)[fits] == tokens[fits]).all()
    assert ((transpose_events(there, -n).astype(int) - tokens) % 12 == 0).all()


def test_transposing_n_semitones_differs_between_neighbours() -> None:
    row = np.array([[0, 1, 40, 41]], dtype=np.uint8)
    shifted = [transpose_events(row, n).tolist()[0] for n in range(-5, 6)]
    assert all(b[2] - a[2] == 1 for a, b in pairwise(shifted))


@pytest.mark.parametrize("wrong", [{"bars": 0}, {"transpose": -1}])
def test_impossible_settings_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"melody|transpose"):
        Melody(**wrong)  # type: ignore[arg-type]


def test_a_track_asked_for_is_taken() -> None:
    music = score([(0, 4, 72)], [(0, 4, 60)], tracks=[Track(name="Voice"), Track(name="Viola")])
    for wanted in (1, "Viola", "vio", "1"):
        melody = Melody(bars=1, extraction=Lenient(track=wanted))
        assert tokens_of(music, melody) == [row(1, s0=41)]
        assert "as asked for" in melody.survey(music).remarks[0]
