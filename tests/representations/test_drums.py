"""Any music goes in, and the beats of a drum machine come back."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicvae.notes.errors import Rejected
from musicvae.notes.score import Score, Tempo, Track
from musicvae.representations.base import Example, Origin
from musicvae.representations.drums import (
    CombinedNine,
    Drums,
    LenientDrums,
    SeparateNine,
    SeparateSixtyOne,
    StrictDrums,
)
from musicvae.representations.drums_hits import (
    NINE,
    NINE_EXEMPLARS,
    SIXTY_ONE_EXEMPLARS,
    to_hits,
    to_masks,
    to_roll,
    to_tokens,
)
from musicvae.representations.drums_lenient import nearest
from musicvae.representations.meters import KNOWN, Known, Native, Regrouped
from tests.representations.melodies import Note, notes_of, score

DRUMS = Track(name="kit", is_drum=True)
KITS = [CombinedNine(), SeparateNine(), SeparateSixtyOne()]
METERS = [(4, 4), (2, 4), (3, 4), (6, 8), (12, 8), (2, 2)]


def beat(*notes: Note, meter: tuple[int, int] = (4, 4)) -> Score:
    return score(notes, tracks=[DRUMS], meters=[(0, *meter)])


@st.composite
def beats(draw: st.DrawFn, pitches: np.ndarray = NINE_EXEMPLARS) -> list[Note]:
    """Hits on the grid, no two of the same drum at a time."""
    hit = st.tuples(st.integers(0, 200), st.sampled_from(pitches.tolist()))
    hits = draw(st.sets(hit, min_size=1, max_size=40))
    return [(at / 4, (at + 1) / 4, pitch) for at, pitch in sorted(hits)]


@given(
    st.sampled_from(KITS),
    beats(),
    st.sampled_from([1, 2, 4]),
    st.sampled_from(METERS),
    st.floats(30, 240),
)
def test_a_beat_comes_back(
    kit: CombinedNine, notes: list[Note], bars: int, meter: tuple[int, int], qpm: float
) -> None:
    """Notes, name, program, velocity, tempo and meter."""
    kit_track = Track(name="TR", program=25, is_drum=True)
    music = score(notes, tracks=[kit_track], qpm=qpm, meters=[(0, *meter)], velocity=77)
    drums = Drums(bars=bars, kit=kit)
    back = drums.decode(drums.encode(music))
    assert notes_of(back) == notes_of(music)
    assert set(back.velocity.tolist()) == {77}
    assert back.tracks == (kit_track,)
    assert [t.qpm for t in back.tempos] == [qpm]
    assert [(m.numerator, m.denominator) for m in back.meters] == [meter]


@given(beats(SIXTY_ONE_EXEMPLARS))
def test_sixty_one_drums_stay_apart_and_nine_become_their_class(notes: list[Note]) -> None:
    music = beat(*notes)
    apart, together = Drums(kit=SeparateSixtyOne()), Drums(kit=SeparateNine())
    assert notes_of(apart.decode(apart.encode(music))) == notes_of(music)
    merged = {(a, b, int(NINE_EXEMPLARS[NINE[p]])) for a, b, p in notes}
    assert notes_of(together.decode(together.encode(music))) == sorted(merged)


@given(beats(), st.sampled_from(KNOWN), st.sampled_from(KITS))
def test_native_meters_come_back_and_are_told(
    notes: list[Note], meter: Known, kit: CombinedNine
) -> None:
    music = beat(*notes, meter=(meter.numerator, meter.denominator))
    drums = Drums(kit=kit, meters=Native())
    examples = drums.encode(music)
    for example in examples:
        assert example.controls is not None
        assert example.lengths.tolist() == [meter.steps] * 2
        bars = example.controls.reshape(2, 24)
        assert (bars[:, : meter.steps] == KNOWN.index(meter)).all()
    back = drums.decode(examples)
    assert notes_of(back) == notes_of(music)
    assert str(back.meters[0]) == str(meter)


def test_tokens_are_sums_of_powers_of_two() -> None:
    tokens = Drums(bars=1).encode(beat((0, 1, 36), (0, 1, 42), (1, 2, 38), (3.75, 4, 51)))[0].tokens
    assert tokens.dtype == np.uint16
    assert {at: int(t) for at, t in enumerate(tokens) if t} == {0: 1 + 4, 4: 2, 15: 256}


@given(st.lists(st.integers(0, 511), min_size=1))
def test_hits_and_tokens_are_two_ways_to_say_the_same(row: list[int]) -> None:
    tokens = np.array(row, dtype=np.uint16)
    step, kind = to_hits(tokens)
    np.testing.assert_array_equal(to_tokens(step, kind, len(row)), tokens)
    labels = to_roll(tokens, 9)
    assert labels.sum() == len(step)
    np.testing.assert_array_equal((labels.astype(int) << np.arange(9)).sum(axis=1), tokens)


def test_sixty_one_bits_fit_a_mask() -> None:
    kind = np.arange(61)
    masks = to_masks(np.zeros(61, dtype=np.int64), kind, 1)
    assert int(masks[0]) == 2**61 - 1
    assert to_roll(masks, 61).all()


@pytest.mark.parametrize("kit", KITS, ids=str)
def test_every_drum_of_general_midi_has_a_class_that_sounds_with_itself(kit: CombinedNine) -> None:
    classes = nearest(kit)
    assert (classes[27:88] >= 0).all()
    assert (classes[kit.exemplars] == np.arange(len(kit.exemplars))).all()


def test_inputs_are_the_labels_whichever_way_they_are_written() -> None:
    music = beat((0, 1, 36), (0, 1, 42), (1, 2, 38))
    read = [
        d.inputs(np.stack([e.tokens for e in d.encode(music)]))
        for d in (Drums(), Drums(kit=SeparateNine()))
    ]
    np.testing.assert_array_equal(read[0], read[1])


def test_all_kits_are_merged_and_other_tracks_left_alone() -> None:
    tracks = [Track(name="Piano"), DRUMS, Track(is_drum=True), Track(name="steel drum")]
    music = score([(0, 1, 60)], [(0, 1, 36)], [(0, 1, 38)], [(1, 2, 60)], tracks=tracks)
    survey = Drums(bars=1).survey(music)
    assert survey.examples[0].tokens.tolist() == [3] + [0] * 15
    assert survey.remarks[0] == (
        'drums: track 1 "kit" (drums), track 2 (drums): all drum kits, merged'
    )


def test_without_a_drum_channel_the_names_tell() -> None:
    tracks = [Track(name="Piano"), Track(name="Percussion L"), Track(name="Steel drums")]
    music = score([(0, 1, 60)], [(0, 1, 36)], [(0, 1, 38)], tracks=tracks)
    survey = Drums(bars=1).survey(music)
    assert survey.examples[0].tokens[0] == 1
    assert "named so" in survey.remarks[0]
    assert Drums(bars=1).decode(survey.examples).tracks[0].is_drum


@pytest.mark.parametrize("name", ["Drums", "drm 1", "My Kit", "Percussion", "Batterie", "Slagverk"])
def test_names_of_drums_in_many_tongues(name: str) -> None:
    assert Drums().survey(score([(0, 1, 36)], tracks=[Track(name=name)])).examples


@pytest.mark.parametrize("name", ["Piano", "Steel drums", "Kitty", "Heartbeat", ""])
def test_names_of_other_things(name: str) -> None:
    assert not Drums().survey(score([(0, 1, 36)], tracks=[Track(name=name)])).examples


def test_a_track_asked_for_is_taken() -> None:
    music = score([(0, 1, 36)], [(0, 1, 38)], tracks=[Track(name="a"), DRUMS])
    for wanted in (0, "a"):
        drums = Drums(bars=1, extraction=LenientDrums(track=wanted))
        assert drums.encode(music)[0].tokens[0] == 1
    with pytest.raises(ValueError, match='the file has track 0 "a"'):
        Drums(extraction=LenientDrums(track="b")).survey(music)


def test_without_drums_the_file_is_described() -> None:
    music = score([(0, 1, 36)], [(0, 1, 36)], tracks=[Track(name="Piano"), Track(program=33)])
    with pytest.raises(Rejected) as rejection:
        Drums().encode(music)
    assert rejection.value.reason == "no-drums"
    said = 'only track 0 "Piano" (program 0), track 1 (program 33): put the drums on MIDI channel'
    assert said in rejection.value.detail


@pytest.mark.parametrize("extraction", [LenientDrums(), StrictDrums()], ids=str)
def test_no_notes_are_said_so(extraction: LenientDrums | StrictDrums) -> None:
    silent = replace(beat((0, 1, 36)), velocity=np.zeros(1, dtype=np.uint8))
    for music in (score([]), score(), silent):
        assert not Drums(extraction=extraction).survey(music).examples
    assert dict(Drums().survey(silent).dropped) == {"no-notes": 1}


def test_unknown_pitches_are_counted_and_named() -> None:
    survey = Drums(bars=1).survey(beat((0, 1, 36), (1, 2, 3), (1, 2, 120), (2, 3, 3)))
    assert survey.remarks[1] == "3 of 4 hits left out: pitch 3, 120 is no General MIDI drum"
    assert survey.examples[0].tokens.tolist() == [1] + [0] * 15
    nothing = Drums(bars=1).survey(beat((0, 1, 3)))
    assert dict(nothing.dropped) == {"no-drums": 1}


def test_what_a_kit_lacks_is_the_drum_most_like_it() -> None:
    music = beat((0, 1, 22), (1, 2, 26), (2, 3, 25))
    survey = Drums(bars=1, kit=SeparateSixtyOne()).survey(music)
    assert Drums(kit=SeparateSixtyOne()).decode(survey.examples).pitch.tolist() == [42, 46, 38]
    assert survey.remarks[1].startswith("3 of 3 hits taken for the drum most like them: pitch 22")


def test_hits_that_coincide_are_counted() -> None:
    survey = Drums(bars=1).survey(beat((0, 1, 36), (0.05, 1, 36), (0.1, 1, 35), (1, 2, 36)))
    assert survey.examples[0].tokens.tolist() == [1, 0, 0, 0] + [1] + [0] * 11
    assert "2 of 4 hits left out: a drum struck more than once" in survey.remarks[1]


def test_tempo_changes_do_not_matter() -> None:
    music = replace(
        beat(*[(k, k + 0.25, 36) for k in range(8)]),
        start=np.array([0, 0.5, 1, 1.5, 2, 3, 4, 5]),
        end=np.array([0.1, 0.6, 1.1, 1.6, 2.1, 3.1, 4.1, 5.1]),
        tempos=(Tempo(0.0, 120.0), Tempo(2.0, 60.0)),
    )
    examples = Drums(bars=1).encode(music)
    assert [e.tokens.tolist() for e in examples] == [[1, 0, 0, 0] * 4] * 2
    assert [(e.origin.start_seconds, e.origin.qpm) for e in examples] == [(0, 120), (2, 60)]
    back = Drums(bars=1).decode(examples)
    np.testing.assert_allclose(back.start, music.start)
    assert back.tempos == music.tempos


def test_a_meter_can_be_forced() -> None:
    music = beat(*[(k, k + 0.25, 36) for k in range(10)], meter=(5, 4))
    assert not Drums().survey(music).examples
    survey = Drums(bars=1, meters=Regrouped(force="4/4")).survey(music)
    assert len(survey.examples) == 3
    assert any("as asked for; the file says 5/4" in remark for remark in survey.remarks)


def test_silence_in_a_meter() -> None:
    blank = Drums(meters=Native()).blank("6/8")
    assert blank.lengths.tolist() == [12, 12]
    assert blank.controls is not None
    assert set(blank.controls.tolist()) == {0, KNOWN.index(Known(6, 8))}
    with pytest.raises(ValueError, match="no bars of 5/4; known are 3/4 or 4/4"):
        Drums().blank("5/4")


def test_an_upbeat_stands_before_the_first_whole_bar() -> None:
    music = score([(0, 0.25, 38), (1, 1.25, 36)], tracks=[DRUMS], meters=[(0, 1, 4), (1, 4, 4)])
    first, second = (e.tokens.tolist() for e in Drums(bars=1).encode(music))
    assert first == [0] * 12 + [2, 0, 0, 0]
    assert second == [1] + [0] * 15


def test_bars_in_unknown_meters_are_left_out_and_said_so() -> None:
    music = score(
        [(k, k + 0.25, 36) for k in range(18)],
        tracks=[DRUMS],
        meters=[(0, 4, 4), (4, 5, 4), (14, 4, 4)],
    )
    survey = Drums(bars=1).survey(music)
    assert [e.origin.start_step for e in survey.examples] == [0, 56]
    assert survey.dropped["unsupported-meter"] == 2
    assert any("bars in 5/4 left out" in remark for remark in survey.remarks)


def test_training_windows_begin_at_every_bar_and_differ() -> None:
    one, two = (0, 0.25, 36), (4, 4.25, 38)
    music = beat(one, two, (8, 8.25, 36), (12, 12.25, 38), (40, 40.25, 36))
    survey = Drums(bars=2).survey(music, overlap=True)
    assert [e.origin.start_step for e in survey.examples] == [0, 16, 48, 144]
    assert dict(survey.dropped) == {"duplicate": 1, "silent": 5}
    tokens, lengths, told, dropped = Drums(bars=2).tokenize(music)
    np.testing.assert_array_equal(tokens, [e.tokens for e in survey.examples])
    np.testing.assert_array_equal(lengths, [e.lengths for e in survey.examples])
    assert told is None
    assert dropped == survey.dropped


def test_velocity_is_the_mean_of_the_windows_hits() -> None:
    music = beat((0, 1, 36), (1, 2, 38), (4, 5, 36))
    music = replace(music, velocity=np.array([60, 80, 100], dtype=np.uint8))
    assert [e.origin.velocity for e in Drums(bars=1).encode(music)] == [70, 100]


@pytest.mark.parametrize("overlap", [False, True])
def test_ten_thousand_bars(overlap: bool) -> None:
    notes = [(k / 4, (k + 1) / 4, int(NINE_EXEMPLARS[k * k % 9])) for k in range(1000, 160_000)]
    music = beat(*notes)
    assert len(Drums(bars=16).survey(music, overlap=overlap).examples) > 8
    assert len(Drums(bars=16).decode(Drums(bars=16).encode(music))) == len(notes)


def test_a_file_that_never_ends_is_refused() -> None:
    survey = Drums().survey(beat((0, 1, 36), (1e7, 1e7 + 1, 36)))
    assert dict(survey.dropped) == {"too-long": 1}


def test_a_token_beyond_the_vocabulary_is_named() -> None:
    example = Example(tokens=np.full(32, 512, np.uint16), lengths=np.array([16, 16], np.uint16))
    with pytest.raises(ValueError, match="0 to 511, not 512"):
        Drums().decode([example])


def test_no_examples_give_an_empty_score() -> None:
    assert len(Drums().decode([])) == 0


def test_the_first_window_says_which_kit() -> None:
    one = Drums(bars=1).encode(beat((0, 1, 36)))[0]
    other = replace(one, origin=Origin(program=25, name="other", qpm=60.0, velocity=33))
    back = Drums(bars=1).decode([one, other])
    assert back.tracks == (DRUMS,)
    assert back.velocity.tolist() == [80, 33]
    assert back.start.tolist() == [0.0, 2.0]


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one bar, not 0"):
        Drums(bars=0)
    with pytest.raises(ValueError, match="4/4 alone"):
        Drums(extraction=StrictDrums(), meters=Native())
