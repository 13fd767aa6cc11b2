"""What note-seq makes of the same pedals is the witness."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicvae.notes.interop import to_note_sequence, to_score
from musicvae.notes.pedal import sustain
from musicvae.notes.score import Pedals, Score, Track
from musicvae.notes.transform import concatenate, slice_seconds, stretch
from tests.notes.scores import Row, score_of

Move = tuple[float, int, bool]  # seconds, track, down


def with_pedals(score: Score, moves: Sequence[Move]) -> Score:
    time, track, down = zip(*moves, strict=True) if moves else ((), (), ())
    return replace(
        score,
        pedals=Pedals(
            time=np.array(time, dtype=np.float64),
            track=np.array(track, dtype=np.int32),
            down=np.array(down, dtype=bool),
        ),
    )


def moves_of(score: Score) -> list[Move]:
    p = score.pedals
    return sorted(zip(p.time.tolist(), p.track.tolist(), p.down.tolist(), strict=True))


times = st.integers(0, 24).map(lambda at: at / 4)
kits = st.lists(st.builds(Track, program=st.just(0), is_drum=st.booleans()), min_size=2, max_size=2)


@st.composite
def pedalled(draw: st.DrawFn) -> Score:
    notes = st.tuples(st.integers(60, 62), times, st.integers(1, 8), st.integers(0, 1))
    rows: list[Row] = [
        (p, 60 + i, at, at + n / 4, t) for i, (p, at, n, t) in enumerate(draw(st.lists(notes)))
    ]
    moves = draw(st.lists(st.tuples(times, st.integers(0, 1), st.booleans()), max_size=12))
    return with_pedals(score_of(rows, draw(kits)), moves)


@settings(max_examples=200)
@given(pedalled())
def test_notes_sound_as_long_as_in_note_seq(score: Score) -> None:
    from note_seq import sequences_lib

    theirs = sequences_lib.apply_sustain_control_changes(to_note_sequence(score))
    ours, total = sustain(score)
    assert not len(ours.pedals)
    rows = zip(ours.velocity.tolist(), ours.start.tolist(), ours.end.tolist(), strict=True)
    assert list(rows) == [(n.velocity, n.start_time, n.end_time) for n in theirs.notes]
    assert total == theirs.total_time


def test_by_hand() -> None:
    rows: list[Row] = [(60, 1, 0, 1, 0), (62, 2, 1, 2, 0), (60, 3, 3, 3.5, 0)]
    score = with_pedals(score_of(rows), [(0.5, 0, True), (4, 0, False)])
    assert sustain(score)[0].end.tolist() == [3, 4, 4]


@given(pedalled())
def test_pedals_pass_through_note_seq(score: Score) -> None:
    back = to_score(to_note_sequence(score))
    if len(back.tracks) == len(score.tracks):  # note-seq knows of tracks only by their notes
        assert moves_of(back) == moves_of(score)


def test_a_slice_begins_with_the_pedal_as_it_stands() -> None:
    rows: list[Row] = [(60, 1, 0, 1, 0), (60, 1, 5, 9, 0)]
    score = with_pedals(score_of(rows), [(0, 0, False), (1, 0, True), (6, 0, False), (8, 0, True)])
    assert moves_of(slice_seconds(score, 2, 8)) == [(0, 0, True), (4, 0, False)]
    assert moves_of(slice_seconds(score, 6, 9)) == [(0, 0, False), (2, 0, True)]
    assert moves_of(stretch(score, 2))[1] == (2, 0, True)
    assert moves_of(concatenate([score, score]))[4] == (10, 0, False)


@pytest.mark.parametrize("moves", [[], [(0.0, 1, True)]])
def test_without_a_pedal_of_its_own_a_track_stays_as_it_is(moves: list[Move]) -> None:
    tracks = [Track(), Track(is_drum=True)]
    score = with_pedals(score_of([(60, 1, 0, 1, 0), (36, 1, 3, 4, 1)], tracks), moves)
    assert sustain(score)[0].end.tolist() == [1, 4]
