"""The reference is the witness: recorded windows and notes, and its rules one by one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicvae.notes.errors import Rejected
from musicvae.notes.midi import read_midi
from musicvae.notes.score import Score, Track
from musicvae.representations.base import Example
from musicvae.representations.trio import StrictTrio, Trio
from tests.representations.melodies import Note, score

GOLDEN = Path(__file__).parent.parent / "golden"
TRIO = Trio(extraction=StrictTrio())
with np.load(GOLDEN / "trio.npz") as _golden:
    FILES = sorted({key.split("/")[0] for key in _golden})

PIANO, BASS, KIT = Track(), Track(program=33), Track(is_drum=True)
INSTRUMENTS = np.array([0, 1, 9])  # as the reference numbers the parts


def decode(tokens: np.ndarray) -> np.ndarray:
    """Pitch, start, end, velocity, is_drum, instrument, program of the notes of one window."""
    lengths = np.full(TRIO.bars, 16, dtype=np.uint16)
    music = TRIO.decode([Example(tokens=tokens.astype(np.uint16), lengths=lengths)])
    names = [TRIO.part_names.index(t.name) for t in music.tracks]
    drums, program = (
        np.array([getattr(t, column) for t in music.tracks])[music.track]
        for column in ("is_drum", "program")
    )
    instrument = INSTRUMENTS[names][music.track]
    times = (music.pitch, music.start, music.end, music.velocity)
    return in_order(np.column_stack([*times, drums, instrument, program]))


def in_order(notes: np.ndarray) -> np.ndarray:
    """By instrument, start and pitch: the reference's order within a step of drums is a set's."""
    return notes[np.lexsort((notes[:, 0], notes[:, 1], notes[:, 5]))]


@pytest.mark.parametrize("name", FILES)
def test_windows_and_notes_are_the_references(name: str) -> None:
    folder = next(f for f in ("midi", "midi_trio") if (GOLDEN / f / f"{name}.mid").exists())
    with np.load(GOLDEN / "trio.npz") as golden:
        tokens, lengths, _, _ = TRIO.tokenize(read_midi(GOLDEN / folder / f"{name}.mid"))
        np.testing.assert_array_equal(tokens, golden[f"{name}/tokens"])
        assert (lengths == 16).all()
        if f"{name}/decoded" in golden:
            notes = decode(golden[f"{name}/decoded_from"])
            np.testing.assert_array_equal(notes, in_order(golden[f"{name}/decoded"]))


def test_the_golden_files_have_windows_to_compare() -> None:
    with np.load(GOLDEN / "trio.npz") as golden:
        counts = [len(golden[f"{name}/tokens"]) for name in FILES]
    assert sum(n > 0 for n in counts) >= 5
    assert any(n == 0 for n in counts)


def bars(*which: int, pitch: int = 60) -> list[Note]:
    """A quarter note at the start of each of these bars."""
    return [(4 * k, 4 * k + 1, pitch) for k in which]


def trio(*parts: list[Note], tracks: tuple[Track, ...] = (PIANO, BASS, KIT)) -> Score:
    return score(*parts, tracks=tracks)


def count(music: Score) -> int:
    return len(TRIO.tokenize(music)[0])


EVERY = bars(*range(20))


def test_a_part_may_rest_for_four_bars_but_not_for_five() -> None:
    drums = bars(*range(20), pitch=36)
    assert count(trio(EVERY, EVERY, drums)) == 5
    assert count(trio(bars(*range(8), *range(12, 20)), EVERY, drums)) == 5
    assert count(trio(bars(*range(8), *range(13, 20)), EVERY, drums)) == 0


def test_at_both_ends_of_a_piece_one_part_is_enough() -> None:
    drums = bars(*range(20), pitch=36)
    assert count(trio(bars(*range(4, 16)), EVERY, drums)) == 5
    assert count(trio(bars(*range(5, 16)), EVERY, drums)) == 2


def test_every_melody_goes_with_every_bass_and_every_kit() -> None:
    drums = bars(*range(20), pitch=36)
    tracks = (PIANO, BASS, KIT, Track(program=25), Track(program=40), KIT)
    music = trio(EVERY, EVERY, drums, bars(*range(20), pitch=72), EVERY, drums, tracks=tracks)
    tokens = TRIO.tokenize(music)[0]
    assert len(tokens) == 5 * 2 * 2
    assert tokens[::5, 0, 0].tolist() == [41, 41, 53, 53]
    programs = [[p.program for p in e.origin.parts] for e in TRIO.encode(music, overlap=True)[::10]]
    assert programs == [[0, 33, 0], [25, 33, 0]]


@pytest.mark.parametrize("missing", [0, 1, 2])
def test_without_one_part_there_is_nothing(missing: int) -> None:
    parts = [EVERY, EVERY, bars(*range(20), pitch=36)]
    tracks = [PIANO, BASS, KIT]
    del parts[missing], tracks[missing]
    with pytest.raises(Rejected, match="the file has no ") as rejection:
        TRIO.encode(score(*parts, tracks=tracks))
    assert rejection.value.reason == "missing-part"


def test_parts_that_only_seem_to_play_are_missing() -> None:
    silent = [bars(*range(20), pitch=109), EVERY, bars(*range(20), pitch=36)]
    unknown = [EVERY, EVERY, bars(*range(20), pitch=99)]
    for parts in (silent, unknown):
        assert dict(TRIO.survey(trio(*parts)).dropped) == {"missing-part": 1}


def test_windows_without_overlap_cover_what_plays_together() -> None:
    music = trio(EVERY, EVERY, bars(*range(20), pitch=36))
    examples = TRIO.encode(music)
    assert [(e.origin.start_step, e.filler) for e in examples] == [(0, 0), (256, 12)]
    back = TRIO.decode(examples)
    assert sorted(back.start.tolist()) == sorted(music.start.tolist())


@given(st.lists(st.lists(st.integers(0, 40), max_size=30), min_size=3, max_size=3))
def test_windows_without_overlap_are_windows_or_filled_up(which: list[list[int]]) -> None:
    music = trio(
        *(bars(*sorted(set(k)), pitch=p) for k, p in zip(which, (60, 40, 36), strict=True))
    )
    full = {e.tokens.tobytes() for e in TRIO.survey(music, overlap=True).examples}
    found = TRIO.survey(music).examples
    assert {e.tokens.tobytes() for e in found if not e.filler} <= full
    for example in found:
        assert not TRIO.onsets(example.tokens)[256 - 16 * example.filler :].any()
