from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from note_seq.sequences_lib import split_note_sequence_on_time_changes

from musicvae.notes.errors import InvalidMusic
from musicvae.notes.interop import to_note_sequence
from musicvae.notes.score import Key, Meter, Score, Tempo, Track
from musicvae.notes.transform import (
    bar_starts,
    concatenate,
    slice_seconds,
    split_at,
    split_at_time_changes,
    stretch,
    time_changes,
    transpose,
)
from tests.notes.scores import A_TRIO, TRIO, any_score, rows_of, score_of


@given(any_score())
def test_time_changes_split_as_in_note_seq(score: Score) -> None:
    theirs = split_note_sequence_on_time_changes(to_note_sequence(score))
    ours = split_at_time_changes(score)
    assert len(ours) == len(theirs)
    begins = [0.0, *time_changes(score)]
    for piece, expected, begin in zip(ours, theirs, begins, strict=False):
        assert begin == expected.subsequence_info.start_time_offset
        assert [(row[0], row[2], row[3]) for row in rows_of(piece)] == [
            (n.pitch, n.start_time, n.end_time) for n in expected.notes
        ]
        assert piece.total_seconds == expected.total_time
        assert piece.tempos[0].qpm == expected.tempos[0].qpm
        stated = expected.time_signatures[0] if expected.time_signatures else Meter(0, 4, 4)
        if not expected.time_signatures or stated.time == 0:
            meter = piece.meter_at(0.0)
            assert (meter.numerator, meter.denominator) == (stated.numerator, stated.denominator)


def test_a_note_that_crosses_a_split_is_cut_and_not_restarted() -> None:
    first, second = split_at_time_changes(A_TRIO)
    assert first.end.tolist() == [1, 2, 0.25, 2]
    assert first.pitch.tolist() == [72, 36, 36, 74]  # by their start
    assert len(second) == 0
    assert (second.tempos, second.meters) == ((Tempo(0.0, 90.0),), (Meter(0.0, 3, 4),))
    assert second.keys == (Key(0.0, 10),)


@given(any_score(), st.integers(-30, 30))
def test_transposing_there_and_back(score: Score, semitones: int) -> None:
    moved = transpose(score, semitones)
    drums = [score.tracks[t].is_drum for t in score.track]
    targets = [p if d else p + semitones for p, d in zip(score.pitch.tolist(), drums, strict=True)]
    assert moved.pitch.tolist() == [p for p in targets if 0 <= p <= 127]
    back = transpose(moved, -semitones)
    assert set(rows_of(back)) <= set(rows_of(score))


def test_keys_are_transposed_too() -> None:
    assert transpose(A_TRIO, 7).keys == (Key(0.0, 2, minor=True), Key(2.0, 5))


@given(any_score(), st.sampled_from([0.5, 1.25, 2.0]))
def test_stretching_keeps_the_beats(score: Score, factor: float) -> None:
    longer = stretch(score, factor)
    np.testing.assert_allclose(
        longer.quarters_at(longer.start), score.quarters_at(score.start), atol=1e-9
    )
    np.testing.assert_allclose(longer.end, score.end * factor)
    assert len(time_changes(longer)) >= 0
    assert len(bar_starts(longer)) == len(bar_starts(score))


@given(any_score())
def test_a_cut_keeps_every_onset_once(score: Score) -> None:
    pieces = split_at(score, [1.0, 2.5])
    onsets = np.concatenate(
        [piece.start + at for piece, at in zip(pieces, [0.0, 1.0, 2.5], strict=True)]
    )
    assert sorted(onsets.tolist()) == sorted(score.start.tolist())
    assert all((piece.end > piece.start).all() for piece in pieces)
    assert pieces[0].total_seconds <= 1.0


def test_a_slice_begins_with_what_is_in_force() -> None:
    cut = slice_seconds(A_TRIO, 1.0, 2.5)
    assert rows_of(cut) == [(74, 80, 0.0, 1.5, TRIO[0])]
    assert cut.tempos == (Tempo(0.0, 120.0), Tempo(1.0, 90.0))
    assert cut.meters == (Meter(0.0, 4, 4), Meter(1.0, 3, 4))


def test_bars_follow_tempo_and_meter() -> None:
    assert bar_starts(A_TRIO).tolist() == [0.0, 2.0, 4.0]
    pickup = score_of([(60, 80, 0, 1.9, 0)], meters=[Meter(0, 4, 4), Meter(0.5, 3, 4)])
    np.testing.assert_allclose(bar_starts(pickup), [0, 0.5, 2.0])
    assert bar_starts(score_of([])).tolist() == [0.0]


def test_scores_follow_one_another_from_bar_to_bar() -> None:
    short = score_of([(60, 80, 0, 1.2, 0)], [Track(program=4)])
    joined = concatenate([short, A_TRIO, short])
    assert joined.start.tolist() == [0, 2, 3, 2, 2, 6]
    assert joined.tracks == (Track(program=4), *TRIO)
    assert joined.track.tolist() == [0, 1, 1, 2, 3, 0]
    assert joined.meters == (Meter(0, 4, 4), Meter(4, 3, 4), Meter(6, 4, 4))
    assert joined.tempos == (Tempo(0, 120), Tempo(4, 90), Tempo(6, 120))


def test_twin_tracks_stay_apart() -> None:
    twins = score_of([(60, 80, 0, 1, 0), (64, 80, 0, 1, 1)], [Track(), Track()])
    assert concatenate([twins, twins]).track.tolist() == [0, 1, 0, 1]


@pytest.mark.parametrize(
    ("mistake", "words"),
    [
        (lambda: stretch(A_TRIO, 0), "positive number, not 0"),
        (lambda: stretch(A_TRIO, float("nan")), "positive number"),
        (lambda: slice_seconds(A_TRIO, 2, 1), "expected 0 <= start <= end"),
        (lambda: split_at(A_TRIO, [2.0, 1.0]), "ascending"),
        (lambda: concatenate([]), "at least one score"),
    ],
)
def test_mistakes(mistake: Callable[[], object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        mistake()


def test_an_empty_concatenation_is_no_music() -> None:
    with pytest.raises(InvalidMusic):
        concatenate([])
