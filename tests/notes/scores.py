"""Scores for tests: a small one by hand, and any at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from musicvae.notes.score import Key, Meter, Score, Tempo, Track

Row = tuple[int, int, float, float, int]  # pitch, velocity, start and end in seconds, track


def score_of(
    rows: Sequence[Row],
    tracks: Sequence[Track] = (Track(),),
    tempos: Sequence[Tempo] = (Tempo(0.0, 120.0),),
    meters: Sequence[Meter] = (),
    keys: Sequence[Key] = (),
) -> Score:
    table = np.array(rows, dtype=np.float64).reshape(-1, 5)
    return Score(
        pitch=table[:, 0].astype(np.uint8),
        velocity=table[:, 1].astype(np.uint8),
        start=table[:, 2].copy(),
        end=table[:, 3].copy(),
        track=table[:, 4].astype(np.int32),
        tracks=tuple(tracks),
        tempos=tuple(tempos),
        meters=tuple(meters),
        keys=tuple(keys),
    )


def rows_of(score: Score) -> list[tuple[object, ...]]:
    """Every note with its track written out, in the score's order."""
    columns = (score.pitch, score.velocity, score.start, score.end, score.track)
    return [
        (*note[:4], score.tracks[note[4]])
        for note in zip(*(c.tolist() for c in columns), strict=True)
    ]


TRIO = (Track(name="Flöte", program=73), Track(program=33), Track(name="Kit", is_drum=True))
A_TRIO = score_of(
    [(72, 90, 0, 1, 0), (74, 80, 1, 3, 0), (36, 100, 0, 2, 1), (36, 110, 0, 0.25, 2)],
    tracks=TRIO,
    tempos=[Tempo(0.0, 120.0), Tempo(2.0, 90.0)],
    meters=[Meter(0.0, 4, 4), Meter(2.0, 3, 4)],
    keys=[Key(0.0, 7, minor=True), Key(2.0, 10)],
)

steps = st.integers(0, 64)  # of a sixteenth at 120


@st.composite
def any_score(draw: st.DrawFn) -> Score:
    """Up to 20 notes on up to 3 tracks, on a grid of 1/8 s, in no order, overlapping or not."""
    kinds = st.builds(
        Track,
        name=st.sampled_from(["", "Oboe"]),
        program=st.integers(0, 127),
        is_drum=st.booleans(),
    )
    tracks = draw(st.lists(kinds, min_size=1, max_size=3))
    notes = draw(
        st.lists(
            st.tuples(
                st.integers(0, 127),
                st.integers(1, 127),
                steps,
                st.integers(1, 16),
                st.integers(0, len(tracks) - 1),
            ),
            max_size=20,
        )
    )
    meters = draw(st.lists(st.tuples(steps, st.integers(1, 12), st.sampled_from([2, 4, 8]))))
    tempos = draw(st.dictionaries(st.integers(1, 64), st.sampled_from([60.0, 75.0, 120.0, 150.0])))
    return score_of(
        [(p, v, at / 8, (at + n) / 8, t) for p, v, at, n, t in notes],
        tracks,
        tempos=[Tempo(0.0, 100.0), *(Tempo(at / 8, tempos[at]) for at in sorted(tempos))],
        meters=[Meter(at / 8, n, d) for at, n, d in sorted(meters, key=lambda meter: meter[0])],
    )
