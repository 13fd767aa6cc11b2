from __future__ import annotations

import pytest

from musicvae.notes.errors import Rejected
from musicvae.notes.score import Track
from musicvae.representations.melody_choice import choose_track
from tests.representations.melodies import score

TUNE = [(k, k + 1, 70 + k % 5) for k in range(16)]
LOW = [(k, k + 1, 40 + k % 5) for k in range(16)]
CHORDS = [(k, k + 4, p) for k in range(0, 16, 4) for p in (64, 67, 76)]


@pytest.mark.parametrize(
    ("parts", "tracks", "expected", "reason"),
    [
        ([LOW, TUNE], [Track(), Track()], 1, "highest"),
        ([TUNE, LOW], [Track(), Track(program=33)], 0, "one note at a time"),
        ([TUNE, TUNE], [Track(is_drum=True), Track()], 1, "only track"),
        ([CHORDS, TUNE], [Track(), Track()], 1, "one note at a time"),
        ([CHORDS, TUNE], [Track(name="Strings"), Track(name="Lead Vocals")], 1, 'says "Lead"'),
        ([CHORDS, TUNE], [Track(name="Strings"), Track(name="Vocals2")], 1, '"Vocals2"'),
        ([CHORDS, TUNE], [Track(name="Strings"), Track(name="Gesangsstimme")], 1, "gsstimme"),
        ([LOW, TUNE], [Track(name="MELODY"), Track()], 0, 'its name says "MELODY"'),
        ([TUNE, TUNE], [Track(name="Bass"), Track(name="Sax")], 1, "one note at a time"),
        ([TUNE, TUNE], [Track(name="Single"), Track(name="Caramel")], 0, 'says "Single"'),
        ([[], TUNE], [Track(name="Melody"), Track()], 1, "only track"),
    ],
)
def test_the_likeliest_track_and_why(
    parts: list[list[tuple[float, float, int]]], tracks: list[Track], expected: int, reason: str
) -> None:
    choice = choose_track(score(*parts, tracks=tracks), None)
    assert choice.track == expected
    assert reason in choice.reason


def test_an_unknown_track_is_answered_with_those_there_are() -> None:
    music = score(TUNE, LOW, tracks=[Track(name="Flute", program=73), Track(name="Flute two")])
    for wanted in (2, -1, "Oboe", "7"):
        with pytest.raises(ValueError, match=r'no track .*track 0 "Flute" \(program 73\)'):
            choose_track(music, wanted)
    with pytest.raises(ValueError, match="more than one track matches 'flu'"):
        choose_track(music, "flu")
    assert choose_track(music, "flute").track == 0


def test_an_exact_name_goes_before_a_number() -> None:
    music = score(TUNE, LOW, tracks=[Track(name="1"), Track()])
    assert choose_track(music, "1").track == 0


def test_a_drum_track_asked_for_is_refused() -> None:
    music = score(TUNE, LOW, tracks=[Track(is_drum=True), Track()])
    with pytest.raises(Rejected) as rejection:
        choose_track(music, 0)
    assert rejection.value.reason == "only-drums"


def test_an_empty_track_asked_for_is_refused() -> None:
    with pytest.raises(Rejected, match=r"track 0 .* has no notes"):
        choose_track(score([], TUNE), 0)
