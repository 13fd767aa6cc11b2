"""Any music goes in, and a trio on the grid comes back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicvae.notes.errors import Rejected
from musicvae.notes.score import Score, Tempo, Track
from musicvae.representations.base import Example, Origin, Part
from musicvae.representations.drums_hits import NINE_EXEMPLARS
from musicvae.representations.melody_events import transpose_events
from musicvae.representations.meters import Native, Regrouped
from musicvae.representations.trio import LenientTrio, StrictTrio, Trio
from tests.representations.melodies import Note, notes_of, score

TUNE, BASS, KIT = Track(name="Lead"), Track(name="Bass", program=34), Track(is_drum=True, name="TR")
TRACKS = (TUNE, BASS, KIT)
METERS = [(4, 4), (2, 2), (2, 4), (3, 4), (6, 8), (12, 8), (3, 8)]


@st.composite
def lines(draw: st.DrawFn) -> list[Note]:
    """Monophonic notes on the grid, with rests, the first of which may be long."""
    at, notes = draw(st.integers(0, 40)), []
    for _ in range(draw(st.integers(1, 20))):
        length = draw(st.integers(1, 24))
        notes.append((at / 4, (at + length) / 4, draw(st.integers(21, 108))))
        at += length + draw(st.sampled_from([0, 0, 0, 1, 2, 7, 40]))
    return notes


@st.composite
def beats(draw: st.DrawFn) -> list[Note]:
    """Hits on the grid, no two of the same drum at a time."""
    hit = st.tuples(st.integers(0, 200), st.sampled_from(NINE_EXEMPLARS.tolist()))
    hits = draw(st.sets(hit, min_size=1, max_size=40))
    return [(at / 4, (at + 1) / 4, pitch) for at, pitch in sorted(hits)]


def play(music: Score, trio: Trio) -> Score:
    return trio.decode(trio.encode(music))


def by_track(music: Score) -> dict[Track, list[tuple[float, float, int]]]:
    """The notes of each track, and their one velocity with the track."""
    of = {}
    for k, track in enumerate(music.tracks):
        own = music.track == k
        columns = {
            c: getattr(music, c)[own] for c in ("pitch", "velocity", "start", "end", "track")
        }
        of[track] = notes_of(replace(music, **columns))
    return of


def tokens_of(music: Score, trio: Trio) -> np.ndarray:
    return np.array([e.tokens for e in trio.survey(music).examples])


@given(
    lines(),
    lines(),
    beats(),
    st.sampled_from([1, 2, 16]),
    st.sampled_from(METERS),
    st.floats(30, 240),
    st.sampled_from([Regrouped(), Native()]),
)
def test_a_trio_comes_back(
    tune: list[Note],
    bass: list[Note],
    beat: list[Note],
    bars: int,
    meter: tuple[int, int],
    qpm: float,
    meters: Regrouped | Native,
) -> None:
    """Notes over the seams of windows, tracks, velocities, tempo and meter."""
    music = score(tune, bass, beat, tracks=TRACKS, qpm=qpm, meters=[(0, *meter)])
    music = replace(music, velocity=np.array([90, 70, 50], np.uint8)[music.track])
    back = play(music, Trio(bars=bars, meters=meters))
    assert by_track(back) == by_track(music)
    assert np.array_equal(back.velocity, np.array([90, 70, 50])[back.track])
    assert [t.qpm for t in back.tempos] == [qpm]
    assert [(m.numerator, m.denominator) for m in back.meters] == [meter]


@given(st.sets(st.sampled_from([0, 1, 2])), lines(), lines(), beats())
def test_a_missing_part_is_silent_and_says_so(
    there: set[int], tune: list[Note], bass: list[Note], beat: list[Note]
) -> None:
    parts = [part if k in there else [] for k, part in enumerate((tune, bass, beat))]
    music = score(*parts, tracks=TRACKS)
    survey = Trio(bars=2).survey(music)
    if not there:
        assert dict(survey.dropped) == {"no-notes": 1}
        return
    silent = {r.split(":")[0] for r in survey.remarks if "silent" in r}
    assert silent == {name for k, name in enumerate(Trio.part_names) if k not in there}
    tokens = np.array([e.tokens for e in survey.examples])
    assert tokens.any(axis=(0, 1)).tolist() == [k in there for k in range(3)]
    back = Trio(bars=2).decode(survey.examples)
    assert by_track(back) == {t: n for t, n in by_track(music).items() if n}


def test_a_step_is_a_class_of_each_stream() -> None:
    music = score(
        [(0, 1, 60)], [(0.25, 1, 40)], [(0, 0.25, 36), (0, 0.25, 42)], tracks=TRACKS,
        meters=[(0, 3, 4)],
    )  # fmt: skip
    example = Trio(bars=1).encode(music)[0]
    assert example.tokens.dtype == np.uint16
    assert example.lengths.tolist() == [12]
    assert example.tokens[:5].tolist() == [[41, 0, 5], [0, 21, 0], [0, 0, 0], [0, 0, 0], [1, 1, 0]]
    assert not example.tokens[5:].any()


def test_the_melody_is_the_highest_voice_and_the_bass_the_lowest() -> None:
    chord = [(0, 1, 48), (0, 1, 52), (0, 1, 36), (1, 2, 38), (1, 2, 50)]
    high = [(a, b, p + 24) for a, b, p in chord]
    survey = Trio(bars=1).survey(score(high, chord))
    back = Trio(bars=1).decode(survey.examples)
    assert notes_of(back) == [(0, 1, 36), (0, 1, 76), (1, 2, 38), (1, 2, 74)]
    assert "melody: 3 of 5 notes left out: lower voices, or more than one in a sixteenth" in (
        survey.remarks
    )
    assert any(r.startswith("bass: 3 of 5 notes left out: higher voices") for r in survey.remarks)


def test_all_kits_are_merged() -> None:
    other = Track(is_drum=True, name="909")
    music = score([(0, 1, 36)], [(0, 1, 38), (1, 2, 38)], tracks=[KIT, other])
    assert tokens_of(music, Trio(bars=1))[0, :5, 2].tolist() == [3, 0, 0, 0, 2]


def test_drums_of_no_known_pitch_are_silent() -> None:
    survey = Trio(bars=1).survey(score([(0, 1, 60)], [(0, 1, 3)], tracks=[TUNE, KIT]))
    assert survey.examples[0].tokens[:, 2].max() == 0
    assert any("pitch 3" in r and "silent" in r for r in survey.remarks)
    with pytest.raises(Rejected) as rejection:
        Trio().encode(score([(0, 1, 3)], tracks=[KIT]))
    assert rejection.value.reason == "no-trio"


def test_what_overlaps_is_full_sounding_and_distinct() -> None:
    bar = [(0, 1, 60), (1, 2, 62)]
    tune = [(a + 4 * k, b + 4 * k, p) for k in (0, 1, 2, 5) for a, b, p in bar]
    survey = Trio(bars=2).survey(score(tune, tracks=[TUNE]), overlap=True)
    assert [e.origin.start_step // 16 for e in survey.examples] == [0, 2, 4]
    assert dict(survey.dropped) == {"silent": 1, "duplicate": 1}
    drummed = score(tune, [(17, 18, 36)], tracks=[TUNE, KIT])
    assert len(Trio(bars=2).survey(drummed, overlap=True).examples) == 4


def test_music_that_is_too_short_for_a_full_window_is_said_to_be() -> None:
    with pytest.raises(Rejected, match="shorter than 16 bars in one meter"):
        Trio().encode(score([(0, 1, 60)]), overlap=True)


@given(lines(), beats(), st.sampled_from([1, 3, 16]))
def test_what_overlaps_holds_what_does_not(tune: list[Note], beat: list[Note], bars: int) -> None:
    music, trio = score(tune, beat, tracks=[TUNE, KIT]), Trio(bars=bars)
    apart = {e.origin.start_step: e for e in trio.survey(music).examples}
    found = trio.survey(music, overlap=True)
    rows = np.array([e.tokens for e in found.examples], dtype=np.uint16).reshape(-1, 16 * bars, 3)
    np.testing.assert_array_equal(rows, trio.tokenize(music)[0])
    for example in found.examples:
        same = apart.get(example.origin.start_step)
        if same:
            np.testing.assert_array_equal(example.tokens, same.tokens)
    assert len({e.tokens.tobytes() for e in found.examples}) == len(found.examples)


def test_a_change_of_tempo_between_windows_comes_back() -> None:
    tune = [(k, k + 1, 60 + k) for k in range(8)]
    music = replace(
        score(tune, tracks=[TUNE]),
        start=np.array([0, 0.5, 1, 1.5, 2, 3, 4, 5]),
        end=np.array([0.5, 1, 1.5, 2, 3, 4, 5, 6]),
        tempos=(Tempo(0.0, 120.0), Tempo(2.0, 60.0)),
    )
    back = play(music, Trio(bars=1))
    assert back.tempos == music.tempos
    np.testing.assert_allclose(back.start, music.start)


def test_music_left_out_ends_what_sounds_into_it() -> None:
    music = score(
        [(0, 15, 60), (15, 16, 62)], [(0, 15.5, 40)], [(14, 15, 36)], tracks=TRACKS,
        meters=[(0, 4, 4), (4, 5, 4), (14, 4, 4)],
    )  # fmt: skip
    first, second = tokens_of(music, Trio(bars=1))
    assert first[0].tolist() == [41, 21, 0]
    assert second[[0, 4, 8]].tolist() == [[1, 1, 1], [43, 0, 0], [1, 0, 0]]
    forced = Trio(bars=1, meters=Regrouped(force="4/4")).encode(music)
    assert len(forced) == 4


def test_each_part_is_as_loud_as_its_window() -> None:
    music = score([(0, 1, 60), (4, 5, 62)], [(0, 1, 40), (1, 2, 40)], tracks=[TUNE, BASS])
    music = replace(music, velocity=np.array([60, 80, 30, 50], dtype=np.uint8))
    origins = [e.origin.parts for e in Trio(bars=1).encode(music)]
    assert origins[0] == (
        Part(program=0, velocity=60, name="Lead"),
        Part(program=34, velocity=40, name="Bass"),
        Part(),
    )
    assert [p.velocity for p in origins[1]] == [80, 40, 80]


def test_tracks_asked_for_are_taken() -> None:
    music = score([(0, 1, 72)], [(0, 1, 60)], [(0, 1, 40)])
    asked = Trio(bars=1, extraction=LenientTrio(melody=1, bass=0))
    assert tokens_of(music, asked)[0, 0].tolist() == [41, 53, 0]
    with pytest.raises(ValueError, match="no track 'Oboe'"):
        Trio(extraction=LenientTrio(melody="Oboe")).survey(music)


def test_decoded_alone_it_is_a_piano_a_bass_and_a_kit() -> None:
    tokens = np.zeros((256, 3), dtype=np.uint16)
    tokens[4] = [41, 21, 1]
    music = Trio().decode([replace(Trio().blank(), tokens=tokens)])
    assert music.tracks == (
        Track(name="melody"),
        Track(name="bass", program=33),
        Track(name="drums", is_drum=True),
    )
    assert music.pitch.tolist() == [60, 40, 36]
    assert music.start.tolist() == [0.5] * 3
    assert music.end.tolist() == [32, 32, 0.625]
    assert not Trio().decode([]).tracks


@pytest.mark.parametrize(("stream", "token"), [(0, 90), (1, 90), (2, 512)])
def test_a_token_beyond_the_vocabulary_is_named(stream: int, token: int) -> None:
    tokens = np.zeros((256, 3), dtype=np.uint16)
    tokens[7, stream] = token
    name = Trio.part_names[stream]
    with pytest.raises(ValueError, match=rf"{name} of a trio has tokens 0 to \d+, not {token}"):
        Trio().decode([replace(Trio().blank(), tokens=tokens)])


def test_with_strict_a_note_ends_with_its_window() -> None:
    tokens = np.zeros((2, 16, 3), dtype=np.uint16)
    tokens[0, 0, 0] = 41
    blank = Trio(bars=1).blank()
    pair = [replace(blank, tokens=t) for t in tokens]
    assert Trio(bars=1).decode(pair).end.tolist() == [4.0]
    assert Trio(bars=1, extraction=StrictTrio()).decode(pair).end.tolist() == [2.0]


def test_augmentation_moves_melody_and_bass_together_and_no_drum() -> None:
    rng = np.random.default_rng(0)
    tokens = rng.integers(0, [90, 90, 512], size=(200, 32, 3)).astype(np.uint16)
    moved, _ = Trio(bars=2, transpose=5).augment(tokens, None, rng)
    assert moved.dtype == tokens.dtype
    np.testing.assert_array_equal(moved[..., 2], tokens[..., 2])
    shifts = set()
    for before, after in zip(tokens[..., :2], moved[..., :2], strict=True):
        fits = [n for n in range(-5, 6) if (transpose_events(before, n) == after).all()]
        assert len(fits) == 1
        shifts.update(fits)
    assert shifts == set(range(-5, 6))
    np.testing.assert_array_equal(Trio(bars=2).augment(tokens, None, rng)[0], tokens)


def test_an_onset_is_a_note_of_any_part() -> None:
    steps = [[0, 0, 0], [1, 1, 0], [2, 0, 0], [0, 89, 0], [0, 0, 1]]
    onsets = Trio().onsets(np.array([steps], dtype=np.uint16))
    assert onsets.tolist() == [[False, False, True, True, True]]


@pytest.mark.parametrize(
    "wrong",
    [{"bars": 0}, {"transpose": -1}, {"extraction": StrictTrio(), "meters": Native()}],
)
def test_impossible_settings_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"a trio needs|transpose is|no other meters"):
        Trio(**wrong)


@pytest.mark.parametrize("overlap", [False, True])
def test_a_file_that_never_ends_is_refused(overlap: bool) -> None:
    for track in TRACKS:
        music = score([(0, 1, 40), (1e7, 1e7 + 1, 40)], tracks=[track])
        assert dict(Trio().survey(music, overlap=overlap).dropped) == {"too-long": 1}


def test_ten_thousand_bars() -> None:
    notes = [(k, k + 1, 40 + k * k % 53) for k in range(40_000)]
    tokens = Trio().tokenize(score(notes, notes, tracks=[TUNE, BASS]))[0]
    assert len(tokens) > 50


def test_parts_of_other_programs_from_window_to_window_have_tracks_of_their_own() -> None:
    tokens = np.zeros((16, 3), dtype=np.uint16)
    tokens[0, 0] = 41
    lengths = np.array([16], dtype=np.uint16)
    origins = [Origin(parts=(Part(program=p), Part(), Part())) for p in (5, 7, 5)]
    examples = [Example(tokens=tokens, lengths=lengths, origin=origin) for origin in origins]
    music = Trio(bars=1).decode(examples)
    assert [t.program for t in music.tracks] == [5, 7]
    assert music.track.tolist() == [0, 1, 0]
