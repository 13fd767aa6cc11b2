"""Any drum part goes in and comes out as it was played; what is left out is said."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicvae.notes.score import Meter, Score, Tempo, Track
from musicvae.representations.base import Example, Origin, Rejected
from musicvae.representations.groove import Groove, LenientGroove, StrictGroove
from musicvae.representations.groove_strokes import HITS, OFFSETS, RolandKit
from musicvae.representations.groove_tasks import HitsAsControls
from musicvae.representations.meters import Regrouped
from tests.representations.strokes import beat

GROOVE = Groove(bars=2)
EXEMPLARS = [36, 38, 42, 46, 45, 48, 50, 49, 51]


def window(tokens: np.ndarray, **origin: float) -> Example:
    return Example(
        tokens=tokens, lengths=np.array([16, 16], dtype=np.uint16), origin=Origin(**origin)
    )


@st.composite
def performances(draw: st.DrawFn) -> Score:
    """Each drum at most once a sixteenth, at any time beside it, in one or two tempos."""
    places = st.tuples(st.integers(1, 62), st.sampled_from(EXEMPLARS))
    struck = draw(st.lists(places, min_size=1, max_size=60, unique=True))
    beside, velocity = st.floats(-0.48, 0.48), st.integers(1, 127)
    tempo = st.floats(40, 240)
    tempos = [Tempo(0.0, draw(tempo))]
    if draw(st.booleans()):
        tempos.append(Tempo(draw(st.floats(0.5, 4)), draw(tempo)))
    return beat(
        [(step + draw(beside), pitch, draw(velocity)) for step, pitch in struck],
        tempos=tuple(tempos),
    )


def in_order(score: Score) -> np.ndarray:
    """Start in quarters, pitch and velocity of each note, in order of the nearest sixteenth."""
    at = score.quarters_at(score.start)
    order = np.lexsort((score.pitch, np.rint(at * 4)))
    return np.column_stack([at, score.pitch, score.velocity])[order]


@settings(max_examples=40)
@given(music=performances())
def test_a_performance_comes_back_through_a_file(
    music: Score, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Its velocities as they were, its timing to a millisecond. Windows keep one tempo each, so
    that of music that changes its tempo the place in the beat comes back, not the second."""
    path = tmp_path_factory.mktemp("beat") / "beat.mid"
    GROOVE.write(GROOVE.decode(GROOVE.encode(music)), path)
    before, after = in_order(music), in_order(GROOVE.read(path))
    np.testing.assert_array_equal(before[:, 1:], after[:, 1:])
    slowest = 60 / min(t.qpm for t in music.tempos)
    np.testing.assert_allclose(before[:, 0] * slowest, after[:, 0] * slowest, atol=1e-3)


def test_strokes_keep_their_place_in_the_beat_when_the_tempo_changes() -> None:
    strokes = [(k + 0.25, 36, 100) for k in range(0, 32, 2)]
    tempos = (Tempo(0.0, 90.0), Tempo(1.2, 150.0))
    tokens = GROOVE.encode(beat(strokes, tempos=tempos))[0].tokens
    assert np.flatnonzero(tokens[:, 0]).tolist() == list(range(0, 32, 2))
    np.testing.assert_allclose(tokens[::2, OFFSETS.start], -0.5, atol=1e-5)


def test_a_stroke_just_before_a_bar_line_belongs_to_the_bar_behind_it() -> None:
    examples = GROOVE.encode(beat([(0, 36, 100), (31.8, 49, 120)]))
    assert len(examples) == 2
    np.testing.assert_allclose(examples[1].tokens[0, [7, 16, 25]], [1, 120 / 127, 0.4], atol=1e-5)
    again = GROOVE.decode(examples)
    np.testing.assert_allclose(again.start, [0, 31.8 / 8], atol=1e-6)


def test_the_loudest_of_several_strokes_in_a_sixteenth_counts_and_of_equals_the_first() -> None:
    tokens = GROOVE.encode(
        beat([(4.2, 38, 50), (4, 38, 90), (3.9, 38, 90), (8.1, 37, 60), (8, 38, 20)])
    )[0].tokens
    np.testing.assert_allclose(tokens[4, [1, 10, 19]], [1, 90 / 127, 0], atol=1e-5)
    np.testing.assert_allclose(tokens[8, [1, 10, 19]], [1, 60 / 127, -0.2], atol=1e-5)


def test_notes_of_no_velocity_are_no_strokes() -> None:
    tokens = GROOVE.encode(beat([(0, 36, 0), (4, 36, 100)]))[0].tokens
    assert np.flatnonzero(tokens[:, 0]).tolist() == [4]
    with pytest.raises(Rejected, match="no notes") as rejection:
        GROOVE.encode(beat([(0, 36, 0)]))
    assert rejection.value.reason == "no-notes"


def test_music_without_drums_says_what_to_do() -> None:
    with pytest.raises(Rejected, match="channel 10") as rejection:
        GROOVE.encode(beat([(0, 60, 100)], track=Track(name="Piano")))
    assert rejection.value.reason == "no-drums"
    named = beat([(0, 36, 100)], track=Track(name="Drums"))
    assert GROOVE.survey(named).examples
    asked = Groove(bars=2, extraction=LenientGroove(track="Piano"))
    assert asked.survey(beat([(0, 36, 100)], track=Track(name="Piano"))).examples


def test_other_meters_are_left_out_by_name() -> None:
    waltz = beat([(k, 36, 100) for k in range(0, 48, 4)], meters=(Meter(0.0, 3, 4),))
    with pytest.raises(
        Rejected, match="3/4 left out: 4; a groove is read in bars of 4/4"
    ) as rejection:
        GROOVE.encode(waltz)
    assert rejection.value.reason == "unsupported-meter"
    five = beat([(0, 36, 100), (18, 36, 100)], meters=(Meter(0.0, 5, 4),))
    with pytest.raises(Rejected, match="5/4"):
        GROOVE.encode(five)


def test_a_meter_can_be_forced_to_four_four_and_to_no_other() -> None:
    waltz = beat([(k, 36, 100) for k in range(0, 48, 4)], meters=(Meter(0.0, 3, 4),))
    forced = Groove(bars=2, meters=Regrouped(force="4/4"))
    survey = forced.survey(waltz)
    assert [e.filler for e in survey.examples] == [0, 1]
    assert any("as asked for; the file says 3/4" in r for r in survey.remarks)
    with pytest.raises(ValueError, match="cannot be forced into 6/8"):
        Groove(bars=2, meters=Regrouped(force="6/8"))
    with pytest.raises(ValueError, match="StrictGroove"):
        Groove(bars=2, extraction=StrictGroove(), meters=Regrouped(force="4/4"))


def test_of_music_that_changes_its_meter_the_rest_is_read() -> None:
    meters = (Meter(0.0, 4, 4), Meter(4.0, 3, 4), Meter(5.5, 4, 4))
    music = beat([(k, 36, 100) for k in range(0, 76, 4)], meters=meters)
    survey = GROOVE.survey(music)
    assert [e.origin.start_step for e in survey.examples] == [0, 44]
    assert survey.dropped == {"unsupported-meter": 1}


def test_bars_of_two_quarters_are_paired() -> None:
    music = beat([(k, 36, 100) for k in range(0, 32, 4)], meters=(Meter(0.0, 2, 4),))
    (example,) = GROOVE.encode(music)
    assert np.flatnonzero(example.tokens[:, 0]).tolist() == list(range(0, 32, 4))
    assert any("2/4 are read two at a time" in r for r in GROOVE.survey(music).remarks)


def test_pitches_that_are_no_drums_are_counted() -> None:
    survey = GROOVE.survey(beat([(0, 36, 100), (1, 12, 100), (2, 12, 90), (3, 100, 90)]))
    assert any("3 of 4 drum notes left out" in r and "12, 100" in r for r in survey.remarks)
    with pytest.raises(Rejected, match="12") as rejection:
        GROOVE.encode(beat([(0, 12, 100)]))
    assert rejection.value.reason == "unknown-drums"


def test_a_roland_kit_is_known_by_the_edge_of_its_hi_hat() -> None:
    general = GROOVE.encode(beat([(0, 48, 100), (4, 42, 100)]))[0].tokens
    edge = beat([(0, 48, 100), (4, 22, 100)])
    roland = GROOVE.encode(edge)[0].tokens
    assert (general[0, :9].argmax(), roland[0, :9].argmax()) == (5, 6)
    assert any("Roland" in r for r in GROOVE.survey(edge).remarks)
    general_after_all = GROOVE.encode(beat([(0, 48, 100), (4, 22, 100), (8, 56, 90)]))[0].tokens
    assert general_after_all[0, :9].argmax() == 5
    asked = Groove(bars=2, extraction=LenientGroove(kit=RolandKit()))
    assert asked.encode(beat([(0, 48, 100)]))[0].tokens[0, :9].argmax() == 6


def test_the_last_window_is_filled_up_and_training_windows_are_full_and_distinct() -> None:
    music = beat([(k, 36, 100) for k in range(0, 80, 8)])
    examples = GROOVE.encode(music)
    assert [e.filler for e in examples] == [0, 0, 1]
    assert [e.origin.start_step for e in examples] == [0, 32, 64]
    (only,) = GROOVE.encode(music, overlap=True)
    assert only.filler == 0
    assert GROOVE.survey(music, overlap=True).dropped == {"duplicate": 3}
    tokens, lengths, controls, dropped = GROOVE.tokenize(music)
    np.testing.assert_array_equal(tokens, [only.tokens])
    np.testing.assert_array_equal(lengths, [only.lengths])
    assert controls is None
    assert dropped == {"duplicate": 3}


def test_a_dataset_of_told_hits_has_them_as_controls() -> None:
    groove = Groove(bars=2, tasks=(HitsAsControls(),))
    tokens, _, controls, _ = groove.tokenize(beat([(0, 36, 100), (31, 38, 100)]))
    np.testing.assert_array_equal(controls, tokens[..., HITS])
    none = groove.tokenize(beat([(0, 60, 100)], track=Track()))
    assert [len(column) for column in none[:3] if column is not None] == [0, 0, 0]
    assert none[3] == {"no-drums": 1}


def test_a_stroke_before_the_beginning_begins_with_it() -> None:
    tokens = np.zeros((32, 27), dtype=np.float32)
    tokens[0, [0, 9, 18]] = 1, 1, 0.5
    music = GROOVE.decode([window(tokens)])
    np.testing.assert_allclose([music.start[0], music.end[0]], [0, 0.125 - 0.125 / 4])


@settings(max_examples=40)
@given(seed=st.integers(0, 2**32), qpm=st.floats(20, 300))
def test_any_numbers_sound(seed: int, qpm: float) -> None:
    """Far beyond what is a velocity or an offset, infinite, or none."""
    rng = np.random.default_rng(seed)
    tokens = rng.normal(0, 3, (32, 27)).astype(np.float32)
    odd = rng.random(tokens.shape) < 0.1
    tokens[odd] = rng.choice([np.nan, np.inf, -np.inf, 1e30], odd.sum())
    music = GROOVE.decode([window(tokens, qpm=qpm)])
    assert np.isfinite(music.start).all()
    assert (music.start >= 0).all()
    assert (music.end > music.start).all()
    assert music.velocity.min(initial=1) >= 1
    assert music.velocity.max(initial=1) <= 127
    struck = np.nan_to_num(tokens[:, HITS], nan=0.0) > 0.5
    assert len(music) == struck.sum()


def test_hits_are_above_a_half_and_are_heard() -> None:
    tokens = np.zeros((32, 27), dtype=np.float32)
    tokens[0, 0], tokens[4, 1] = 0.5, 0.51
    music = GROOVE.decode([window(tokens)])
    assert music.pitch.tolist() == [38]
    assert music.velocity.tolist() == [1]


def test_windows_follow_one_another_in_their_own_tempo() -> None:
    tokens = np.zeros((32, 27), dtype=np.float32)
    tokens[0, [0, 9]] = 1
    music = GROOVE.decode([window(tokens, qpm=60.0), window(tokens, qpm=120.0)])
    assert music.start.tolist() == [0, 8]
    assert [(t.time, t.qpm) for t in music.tempos] == [(0, 60), (8, 120)]
    assert music.tracks[0].is_drum


def test_nothing_decodes_to_silence() -> None:
    assert len(GROOVE.decode([])) == 0
    assert len(GROOVE.decode([GROOVE.blank()])) == 0


def test_onsets_are_the_steps_at_which_something_is_struck() -> None:
    tokens = GROOVE.encode(beat([(0, 36, 100), (0, 42, 30), (9, 38, 100)]))[0].tokens
    assert np.flatnonzero(GROOVE.onsets(tokens[None])[0]).tolist() == [0, 9]


def test_a_misplaced_note_is_no_five_hours_of_music() -> None:
    with pytest.raises(Rejected, match="misplaced") as rejection:
        GROOVE.encode(beat([(0, 36, 100), (170_000, 36, 100)]))
    assert rejection.value.reason == "too-long"


def test_no_bars_are_no_groove() -> None:
    with pytest.raises(ValueError, match="at least one bar, not 0"):
        Groove(bars=0)


def test_a_file_of_the_data_set_is_written_whole(tmp_path: Path) -> None:
    music = beat([(0.2, 36, 100)], tempos=(Tempo(0.0, 97.0),))
    GROOVE.write(GROOVE.decode(GROOVE.encode(music)), tmp_path / "out.mid")
    again = GROOVE.read(tmp_path / "out.mid")
    assert again.tempos[0].qpm == pytest.approx(97, abs=1e-3)
    assert [str(m) for m in again.meters] == ["4/4"]
