from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicvae.notes.chords import Chord
from musicvae.notes.score import Pedals, Score, Tempo, Track
from musicvae.representations.base import Example, Origin, Survey
from musicvae.representations.chord_controls import Triads
from musicvae.representations.multitrack import Multitrack, StrictMultitrack
from musicvae.representations.performance_events import END, transpose_tracks
from tests.representations.melodies import Note, score

MULTITRACK = Multitrack()
TOLD = Multitrack(chords=Triads())
PIANO, BASS, KIT = Track(name="Piano"), Track(name="Bass", program=33), Track(is_drum=True)
Row = tuple[int, float, float, int, int, bool]  # bin of velocity, start and end in quarters, ...


def rows(music: Score) -> list[Row]:
    """Bin of velocity, start and end in quarters, pitch, program, drums, in order of time."""
    start, end = music.quarters_at(music.start), music.quarters_at(music.end)
    columns = zip(
        ((music.velocity.astype(int) - 1) // 16).tolist(),
        (start * 24).round(4).tolist(),
        (end * 24).round(4).tolist(),
        music.pitch.tolist(),
        [music.tracks[t].program for t in music.track],
        [music.tracks[t].is_drum for t in music.track],
        strict=True,
    )
    return sorted(columns, key=lambda row: (row[1], row[3], row[4], row[5], row[2]))


def again(music: Score, representation: Multitrack = MULTITRACK) -> Score:
    return representation.decode(representation.encode(music))


def events(example: Example) -> list[list[int]]:
    """The tokens of every track that there is, without what lies behind its end."""
    tracks = example.tokens.reshape(8, 64)
    counted = zip(tracks, example.lengths.tolist(), strict=True)
    return [own[:n].tolist() for own, n in counted if n > 1]


@st.composite
def pieces(draw: st.DrawFn) -> Score:
    """Up to eight tracks on the grid of 24, each note within its bar, each bar within its room."""
    meter = draw(st.sampled_from([(4, 4), (2, 2), (3, 4), (2, 4), (6, 8), (7, 8), (3, 8)]))
    size = 96 * meter[0] // meter[1]
    kinds = st.builds(Track, program=st.integers(0, 127))
    tracks = draw(st.lists(st.one_of(kinds, st.just(KIT)), min_size=1, max_size=8))
    tracks = sorted(tracks, key=lambda t: (t.is_drum, t.program))
    parts: list[list[Note]] = []
    for _ in tracks:
        notes: dict[tuple[int, int], Note] = {}  # one note of a pitch in a bar
        for _ in range(draw(st.integers(1, 12))):
            bar, pitch = draw(st.integers(0, 4)), draw(st.integers(0, 127))
            start = draw(st.integers(0, size - 1))
            end = draw(st.integers(start + 1, size))
            notes[bar, pitch] = ((bar * size + start) / 24, (bar * size + end) / 24, pitch)
        parts.append(list(notes.values()))
    qpm = draw(st.floats(30, 240))
    music = score(*parts, tracks=tracks, qpm=qpm, meters=[(0, *meter)])
    velocities = draw(st.lists(st.integers(1, 127), min_size=len(music), max_size=len(music)))
    return replace(music, velocity=np.array(velocities, dtype=np.uint8))


@settings(max_examples=60)
@given(pieces())
def test_music_on_the_grid_comes_back(music: Score) -> None:
    back = again(music)
    assert rows(back) == rows(music)
    assert [t.qpm for t in back.tempos] == [t.qpm for t in music.tempos]
    assert [str(m) for m in back.meters] == [str(m) for m in music.meters]


@given(pieces())
def test_what_was_encoded_is_a_fixed_point(music: Score) -> None:
    first = MULTITRACK.encode(music)
    second = MULTITRACK.encode(MULTITRACK.decode(first))
    assert [events(e) for e in second] == [events(e) for e in first]
    assert [e.origin.parts for e in second] == [e.origin.parts for e in first]


@given(pieces(), st.integers(1, 3))
def test_transposing_and_back_is_the_identity(music: Score, semitones: int) -> None:
    tokens, _, _, _ = MULTITRACK.tokenize(music)
    tracks = tokens.reshape(-1, 64)
    up = transpose_tracks(tracks, np.full(len(tracks), semitones))
    back = transpose_tracks(up, np.full(len(tracks), -semitones))
    folds = (up < 256) & (up != tracks) & (up.astype(int) - tracks != semitones)
    unfolded = ~folds.any(axis=1)
    np.testing.assert_array_equal(back[unfolded], tracks[unfolded])
    drums = tracks[:, 0] == 488
    np.testing.assert_array_equal(up[drums], tracks[drums])
    sounds = (tracks[~drums] < 256) & (np.cumsum(tracks[~drums] == END, axis=1) == 0)
    moved = (up[~drums].astype(int) - tracks[~drums])[sounds]
    assert ((moved - semitones) % 12 == 0).all()
    assert (up[~drums][sounds] // 128 == tracks[~drums][sounds] // 128).all()


def test_one_bar_by_hand() -> None:
    music = score([(0, 1, 60), (0, 1, 64), (1, 4, 62)], [(0, 0.25, 36)], tracks=[PIANO, KIT])
    (example,) = MULTITRACK.encode(replace(music, velocity=np.array([80, 81, 80, 127], np.uint8)))
    assert events(example) == [
        [360, 356, 60, 357, 64, 279, 188, 192, 356, 62, 327, 190, 489],
        [488, 359, 36, 261, 164, 345, 489],
    ]
    assert example.lengths.tolist() == [13, 7, 1, 1, 1, 1, 1, 1]
    assert example.tokens.reshape(8, 64)[2:, 0].tolist() == [END] * 6
    assert MULTITRACK.onsets(example.tokens[None]).sum() == 4


def test_a_held_note_is_struck_again_if_an_eighth_of_it_is_left() -> None:
    held = again(score([(2, 4.5, 60), (2, 4.4, 64), (2, 13, 67)], tracks=[PIANO]))
    assert [r[1:4] for r in rows(held)] == [
        (48, 96, 60), (48, 96, 64), (48, 96, 67), (96, 108, 60), (96, 192, 67), (192, 288, 67),
        (288, 312, 67),
    ]  # fmt: skip


def test_a_drum_is_never_struck_again() -> None:
    kit = score([(3, 9, 49)], tracks=[KIT])
    assert [r[1:4] for r in rows(again(kit))] == [(72, 96, 49)]


def test_a_note_played_just_before_the_bar_line_is_moved_to_it() -> None:
    early = score([(95 / 24, 5, 60), (92 / 24, 5, 62)], tracks=[PIANO])
    assert [r[1:4] for r in rows(again(early))] == [(92, 96, 62), (96, 120, 60), (96, 120, 62)]


def test_of_ten_tracks_the_drums_and_the_busiest_are_kept() -> None:
    parts = [[(k / 4, (k + 1) / 4, 60) for k in range(3 + n)] for n in range(9)]
    tracks = [Track(program=n, name=f"part {n}") for n in range(9)]
    survey = MULTITRACK.survey(score([(0, 1, 36)], *parts, tracks=[KIT, *tracks]))
    back = MULTITRACK.decode(survey.examples)
    assert back.tracks == (*tracks[2:], KIT)
    assert '"part 0" (program 0), track 2 "part 1" (program 1)' in said(survey, "more than 8")


def test_a_full_track_loses_its_dynamics_then_its_softest_notes() -> None:
    few = [(k / 8, (k + 1) / 8, 40 + k) for k in range(14)]
    many = [(k / 8, (k + 0.5) / 8, 40 + k) for k in range(30)]
    loud = np.arange(30, dtype=np.uint8) * 4 + 1
    music = score(few, many, tracks=[PIANO, BASS])
    music = replace(music, velocity=np.concatenate([np.arange(14, dtype=np.uint8) * 9 + 1, loud]))
    survey = MULTITRACK.survey(music)
    back = MULTITRACK.decode(survey.examples)
    piano, bass = (back.track == 0).nonzero()[0], (back.track == 1).nonzero()[0]
    assert len(set(back.velocity[piano].tolist())) == 8
    assert set(back.velocity[bass].tolist()) == {49}
    assert back.pitch[bass].tolist() == list(range(70 - len(bass), 70))
    assert 15 <= len(bass) <= 16
    assert f"softest {30 - len(bass)} notes left out" in said(survey, "more than 64 events: 1")


def said(survey: Survey, part: str) -> str:
    return next(remark for remark in survey.remarks if part in remark)


@pytest.mark.parametrize(
    ("meter", "read"),
    [((12, 8), "6/8"), ((9, 8), "3/8"), ((6, 4), "3/4"), ((4, 2), "2/2"), ((3, 2), "1/2")],
)
def test_long_bars_are_divided_and_it_is_said(meter: tuple[int, int], read: str) -> None:
    quarters = meter[0] * 4 // meter[1]
    music = score([(k, k + 1, 60) for k in range(2 * quarters)], meters=[(0, *meter)])
    survey = MULTITRACK.survey(music)
    back = MULTITRACK.decode(survey.examples)
    assert [str(m) for m in back.meters] == [read]
    assert len(back) >= len(music)
    assert said(survey, "are read as bars in").endswith(read)


@pytest.mark.parametrize("meter", [(5, 4), (11, 8), (7, 4)])
def test_bars_that_do_not_fit_are_left_out_by_name(meter: tuple[int, int]) -> None:
    beats: list[Note] = [(k, k + 1, 60) for k in range(12)]
    alone = MULTITRACK.survey(score(beats, meters=[(0, *meter)]))
    assert dict(alone.dropped) == {"unsupported-meter": 1}
    assert f"{meter[0]}/{meter[1]}" in alone.remarks[-1]
    both = MULTITRACK.survey(score(beats, meters=[(0, 4, 4), (4, *meter)]))
    assert len(both.examples) == 1


def test_an_upbeat_stands_at_the_end_of_its_bar() -> None:
    music = score([(0, 1, 60), (1, 5, 62)], meters=[(0, 1, 4), (1, 4, 4)])
    assert [r[1:4] for r in rows(again(music))] == [(72, 96, 60), (96, 192, 62)]


def test_a_bar_cut_short_is_filled_up_and_said() -> None:
    notes: list[Note] = [(k, k + 1, 60) for k in range(10)]
    survey = MULTITRACK.survey(score(notes, meters=[(0, 4, 4), (6, 3, 4)]))
    assert len(survey.examples) == 4
    assert "filled up: 1" in survey.remarks[-1]


def test_tempos_are_followed() -> None:
    music = replace(score([(0, 1, 60), (4, 5, 62)]), tempos=(Tempo(0.0, 120.0), Tempo(2.0, 60.0)))
    music = replace(music, start=np.array([0.0, 2.0]), end=np.array([0.5, 3.0]))
    back = again(music)
    assert back.tempos == music.tempos
    np.testing.assert_allclose(back.end, music.end)


def test_the_pedal_is_played() -> None:
    pedals = Pedals(time=np.array([0.1, 1.5]), track=np.array([0, 0]), down=np.array([True, False]))
    music = replace(score([(0, 1, 60), (1, 2, 64)], tracks=[PIANO]), pedals=pedals)
    assert [r[1:4] for r in rows(again(music))] == [(0, 72, 60), (24, 72, 64)]


def test_silent_bars_stay_unless_windows_overlap() -> None:
    music = score([(8, 9, 60), (16, 17, 60)])
    assert len(MULTITRACK.encode(music)) == 5
    survey = MULTITRACK.survey(music, overlap=True)
    assert len(survey.examples) == 1
    assert dict(survey.dropped) == {"silent": 3, "duplicate": 1}


def test_twins_stay_apart() -> None:
    violins = [Track(name=f"Violin {n}", program=40) for n in "12"]
    music = score([(0, 8, 70)], [(0, 2, 60), (4, 6, 62)], tracks=violins)
    back = again(music)
    assert back.tracks == tuple(violins)
    assert back.pitch[back.track == 1].tolist() == [60, 62]


def test_any_ends_and_programs_are_read() -> None:
    tokens = np.full((8, 64), END, dtype=np.uint16)
    # an end without a start, a start in no time, twice the same pitch, one never ended, 200 steps
    tokens[0, :12] = [130, 5, 133, 60, 60, 279, 188, 400, 351, 188, 70, 351]
    example = Example(tokens=tokens.ravel(), lengths=np.full(8, 64, dtype=np.uint16))
    back = MULTITRACK.decode([example])
    assert [r[1:5] for r in rows(back)] == [(0, 24, 60, 40), (0, 96, 60, 40)]
    assert set(back.velocity.tolist()) == {100}
    with pytest.raises(ValueError, match="tokens 0 to 489, not 490"):
        MULTITRACK.decode([replace(example, tokens=tokens.ravel() + 1)])


def test_a_file_that_never_ends_is_refused() -> None:
    for representation in (MULTITRACK, Multitrack(extraction=StrictMultitrack())):
        survey = representation.survey(score([(0, 1, 60), (1e7, 1e7 + 1, 60)]))
        assert dict(survey.dropped) == {"too-long": 1}
        assert "at most 100,000 are read" in survey.remarks[0]


def test_a_drone_is_struck_again_for_so_long_only() -> None:
    assert len(again(score([(0, 4000, 60)]))) == 65


def test_chords_are_told_at_the_events() -> None:
    music = score([(k, k + 1, 60) for k in range(4)], [(0, 4, 40)], tracks=[PIANO, BASS])
    music = replace(music, chords=(Chord(0.0, "C"), Chord(1.0, "Am7")))
    (example,) = TOLD.encode(music)
    assert example.controls is not None
    told = example.controls.reshape(8, 64)
    c, am = 1, 22
    assert told[0, :14].tolist() == [0, *[c] * 4, *[c] * 2, *[am] * 7]
    assert told[1, :6].tolist() == [0, c, c, c, am, am]
    assert not told[2:].any()
    assert TOLD.decode([example]).chords == (Chord(0.0, "C"), Chord(1.0, "Am"))


def test_chords_move_with_the_notes() -> None:
    music = replace(score([(0, 4, 60)]), chords=(Chord(0.0, "C"),))
    (example,) = TOLD.encode(music)
    assert example.controls is not None
    tokens, controls = TOLD.augment(
        np.tile(example.tokens, (50, 1)),
        np.tile(example.controls, (50, 1)),
        np.random.default_rng(0),
    )
    assert controls is not None
    assert set((tokens[:, 2].astype(int) - 60).tolist()) == set(range(-3, 4))
    assert ((controls[:, 2].astype(int) - 1) % 12 == tokens[:, 2].astype(int) % 12).all()


def test_a_chord_by_hand_holds_for_the_bar() -> None:
    told = TOLD.controls_for("Am").reshape(8, 64)
    assert (told[:, 1:] == 22).all()
    assert not told[:, 0].any()
    with pytest.raises(ValueError, match="one chord, not several"):
        TOLD.controls_for("C G")
    with pytest.raises(ValueError, match="need chords="):
        MULTITRACK.controls_for("C")


def test_an_origin_with_other_bars_is_read_as_four_four() -> None:
    (example,) = MULTITRACK.encode(score([(0, 4, 60)]))
    back = MULTITRACK.decode([replace(example, origin=Origin(numerator=5, denominator=4))] * 2)
    assert [str(m) for m in back.meters] == ["4/4"]
    assert back.start.tolist() == [0.0, 2.0]


def test_a_wrong_range_of_transposition_is_refused() -> None:
    with pytest.raises(ValueError, match="0 or more, not -1"):
        Multitrack(transpose=-1)
