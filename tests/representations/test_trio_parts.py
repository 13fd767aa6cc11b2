"""Who plays the melody, the bass and the drums: the guess, its reasons, and what was asked for."""

from __future__ import annotations

import pytest

from musicvae.notes.errors import Rejected
from musicvae.notes.score import Score, Track
from musicvae.representations.trio_parts import cast_parts
from tests.representations.melodies import Note, score


def line(pitch: int) -> list[Note]:
    return [(k, k + 1, pitch + k % 5) for k in range(16)]


HIGH, MIDDLE, LOW = line(72), line(62), line(40)
CHORDS = [(k, k + 4, p) for k in range(0, 16, 4) for p in (55, 59, 64)]
BEAT = [(k, k + 0.25, 36 + k % 2 * 2) for k in range(16)]
KIT = Track(is_drum=True)


def cast(*parts: tuple[list[Note], Track]) -> tuple[int | None, int | None, tuple[int, ...]]:
    found = cast_parts(music(*parts), None, None)
    return found.melody, found.bass, found.drums


def music(*parts: tuple[list[Note], Track]) -> Score:
    return score(*(notes for notes, _ in parts), tracks=[track for _, track in parts])


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ([(HIGH, Track()), (LOW, Track(program=33)), (BEAT, KIT)], (0, 1, (2,))),
        ([(BEAT, KIT), (LOW, Track()), (CHORDS, Track()), (HIGH, Track())], (3, 1, (0,))),
        # its program or its name says bass, whatever lies lower
        ([(LOW, Track()), (MIDDLE, Track(program=38)), (HIGH, Track())], (2, 1, ())),
        ([(HIGH, Track()), (MIDDLE, Track(name="Kontrabass")), (LOW, Track())], (0, 1, ())),
        ([(HIGH, Track(name="Bassoon")), (LOW, Track())], (0, 1, ())),
        # nobody plays what nobody plays
        ([(LOW, Track(program=33)), (BEAT, KIT)], (None, 0, (1,))),
        ([(LOW, Track())], (None, 0, ())),
        ([(LOW, Track(name="Melody"))], (0, None, ())),
        ([(HIGH, Track()), (MIDDLE, Track())], (0, None, ())),
        ([(HIGH, Track())], (0, None, ())),
        ([(BEAT, KIT)], (None, None, (0,))),
        ([(LOW, Track(program=33)), (line(38), Track(program=36))], (None, 1, ())),
        # two low voices
        ([(line(45), Track()), (line(36), Track())], (0, 1, ())),
        # kits are merged; without one a name will do
        ([(BEAT, KIT), (HIGH, Track()), (BEAT, KIT)], (1, None, (0, 2))),
        ([(BEAT, Track(name="Drums")), (HIGH, Track())], (1, None, (0,))),
        ([(BEAT, Track(name="Drums")), (HIGH, Track()), (BEAT, KIT)], (1, None, (2,))),
        # an empty track plays nothing
        ([([], Track(name="Bass")), (HIGH, Track(name="Lead"))], (1, None, ())),
    ],
)
def test_the_guess(
    parts: list[tuple[list[Note], Track]],
    expected: tuple[int | None, int | None, tuple[int, ...]],
) -> None:
    assert cast(*parts) == expected


def test_the_reasons() -> None:
    parts = [(HIGH, Track(name="Vocals")), (LOW, Track(name="E-Bass", program=33)), (BEAT, KIT)]
    melody, bass, drums = cast_parts(music(*parts), None, None).remarks
    assert melody == 'melody: track 0 "Vocals" (program 0): the only track that is likely to be one'
    assert bass.startswith('bass: track 1 "E-Bass" (program 33): its name says "Bass"; its program')
    assert drums == "drums: track 2 (drums): the drum kit"
    alone = cast_parts(music((HIGH, Track())), None, None).remarks
    assert [s.split(":")[0] for s in alone if "silent" in s] == ["bass", "drums"]
    low = cast_parts(music((HIGH, Track()), (LOW, Track())), None, None).remarks[1]
    assert "low, and below the melody" in low


def test_tracks_asked_for_are_taken() -> None:
    parts = [(HIGH, Track(name="Flute")), (MIDDLE, Track(name="Oboe")), (LOW, Track(program=33))]
    asked = cast_parts(music(*parts), "oboe", None)
    assert (asked.melody, asked.bass) == (1, 2)
    assert asked.remarks[0] == 'melody: track 1 "Oboe" (program 0): as asked for'
    asked = cast_parts(music(*parts), None, 0)
    assert (asked.melody, asked.bass) == (1, 0)
    asked = cast_parts(music(*parts), 2, "flute")
    assert (asked.melody, asked.bass) == (2, 0)


def test_a_drum_track_by_name_can_be_asked_for_as_a_part() -> None:
    asked = cast_parts(music((LOW, Track(name="Drums")), (HIGH, Track())), None, 0)
    assert (asked.melody, asked.bass, asked.drums) == (1, 0, ())


def test_what_cannot_be_taken_is_said() -> None:
    band = music((HIGH, Track()), ([], Track()), (BEAT, KIT))
    with pytest.raises(ValueError, match="no track 'Oboe'; the file has track 0"):
        cast_parts(band, "Oboe", None)
    with pytest.raises(Rejected, match=r"track 2 \(drums\) is a drum kit, not a bass"):
        cast_parts(band, None, 2)
    with pytest.raises(Rejected, match=r"track 1 \(program 0\) has no notes"):
        cast_parts(band, 1, None)
    with pytest.raises(Rejected, match="nothing to read a trio from"):
        cast_parts(score([]), None, None)
