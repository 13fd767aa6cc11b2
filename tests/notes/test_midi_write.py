from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import mido
import numpy as np
import pytest
from hypothesis import given

from musicvae.notes.errors import InvalidMusic
from musicvae.notes.midi import midi_bytes, read_midi, write_midi
from musicvae.notes.score import Key, Meter, Score, Tempo, Track
from tests.notes.scores import A_TRIO, any_score, score_of

MIDI = sorted((Path(__file__).parent.parent / "golden" / "midi").glob("*.mid"))


def mido_of(score: Score) -> mido.MidiFile:
    return mido.MidiFile(file=io.BytesIO(midi_bytes(score)))


@pytest.mark.parametrize("path", MIDI, ids=lambda path: path.stem)
def test_what_was_read_comes_back(path: Path) -> None:
    score = read_midi(path)
    again = read_midi(midi_bytes(score))
    for column in ("pitch", "velocity", "track"):
        np.testing.assert_array_equal(getattr(again, column), getattr(score, column))
    np.testing.assert_allclose(again.start, score.start, atol=1e-4)  # a tempo in microseconds
    np.testing.assert_allclose(again.end, score.end, atol=1e-4)
    assert (again.tracks, again.keys) == (score.tracks, score.keys)
    assert [str(m) for m in again.meters] == [str(m) for m in score.meters]
    assert again.ticks_per_quarter == score.ticks_per_quarter


def test_another_parser_finds_everything() -> None:
    file = mido_of(A_TRIO)
    conductor, flute, bass, kit = (
        [m for m in track if m.type != "end_of_track"] for track in file.tracks
    )
    assert (file.type, file.ticks_per_beat) == (1, 480)
    assert [m.type for m in conductor] == ["time_signature", "key_signature", "set_tempo"] * 2
    assert [m.key for m in conductor if m.type == "key_signature"] == ["Gm", "Bb"]
    assert [m.tempo for m in conductor if m.type == "set_tempo"] == [500000, 666667]
    assert [m.channel for m in (flute[1], bass[0], kit[1])] == [0, 1, 9]
    assert [m.program for m in (flute[1], bass[0], kit[1])] == [73, 33, 0]
    played = [(m.type, m.note, m.time) for m in flute if m.type.startswith("note")]
    assert played == [
        ("note_on", 72, 0),
        ("note_off", 72, 960),
        ("note_on", 74, 0),
        ("note_off", 74, 960 + 720),
    ]


@pytest.mark.parametrize("tonic", range(12))
@pytest.mark.parametrize("minor", [False, True])
def test_every_key(tonic: int, minor: bool) -> None:
    score = replace(A_TRIO, keys=(Key(0.0, tonic, minor),))
    assert read_midi(midi_bytes(score)).keys == score.keys


def onsets(score: Score) -> list[tuple[object, ...]]:
    rows = zip(score.start.tolist(), score.pitch.tolist(), score.velocity.tolist(), strict=True)
    tracks = [score.tracks[i] for i in score.track.tolist()]
    return sorted(
        (round(start, 3), pitch, velocity, track.program, track.is_drum)
        for (start, pitch, velocity), track in zip(rows, tracks, strict=True)
    )


@given(any_score())
def test_every_note_is_written_and_starts_in_time(score: Score) -> None:
    again = read_midi(midi_bytes(score))
    assert len(again) == len(score)
    assert onsets(again) == onsets(score)


@given(any_score())
def test_writing_twice_changes_nothing_more(score: Score) -> None:
    once = midi_bytes(score)
    again = midi_bytes(read_midi(once))
    assert read_midi(again).end.tolist() == read_midi(once).end.tolist()


def test_a_pitch_struck_again_ends_the_note_before() -> None:
    score = score_of([(60, 80, 0, 4, 0), (60, 90, 1, 2, 0), (62, 80, 0, 3, 0)])
    again = read_midi(midi_bytes(score))
    assert again.velocity.tolist() == [80, 90, 80]
    assert again.end.tolist() == [1.0, 2.0, 3.0]


def test_more_tracks_than_channels() -> None:
    tracks = [Track(name=f"part {i}", program=i % 12) for i in range(40)] + [Track(is_drum=True)]
    score = score_of([(60, 80, i, i + 1, i) for i in range(41)], tracks)
    file = mido_of(score)
    owner = {m.channel: m.program for t in file.tracks for m in t if m.type == "program_change"}
    programs = [
        (m.channel, m.program) for t in file.tracks for m in t if m.type == "program_change"
    ]
    assert all(owner[channel] == program for channel, program in programs)
    assert [m.channel for m in file.tracks[-1] if m.type == "note_on"] == [9]
    assert read_midi(midi_bytes(score)).tracks == tuple(tracks)


def test_silent_and_endless_notes_are_still_notes() -> None:
    score = score_of([(60, 0, 0, 0, 0), (62, 80, -0.5, 1, 0)])
    again = read_midi(midi_bytes(score))
    assert again.velocity.tolist() == [1, 80]
    assert (again.end > again.start).all()
    assert again.start.tolist() == [0.0, 0.0]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"tempos": (Tempo(0.0, 0.5),)}, "tempo of 0.5"),
        ({"meters": (Meter(0.0, 4, 3),)}, "meter of 4/3"),
        ({"end": np.full(4, np.inf)}, "not a number of seconds"),
        ({"pitch": np.full(4, 200, dtype=np.uint8)}, "above 127"),
        ({"tracks": (Track(program=128),) * 3}, "not within 0 to 127"),
    ],
)
def test_what_midi_cannot_hold(change: dict[str, object], words: str) -> None:
    with pytest.raises(InvalidMusic, match=words):
        midi_bytes(replace(A_TRIO, **change))  # type: ignore[arg-type]


def test_files_appear_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "song.mid"
    write_midi(A_TRIO, path)
    before = path.read_bytes()
    with pytest.raises(InvalidMusic):
        write_midi(replace(A_TRIO, meters=(Meter(0.0, 4, 3),)), path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["song.mid"]


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ValueError, match=r"there is no folder .*nowhere"):
        write_midi(A_TRIO, tmp_path / "nowhere" / "song.mid")
    with pytest.raises(ValueError, match="is a folder"):
        write_midi(A_TRIO, tmp_path)
    with pytest.raises(ValueError, match="cannot write"):
        write_midi(A_TRIO, tmp_path / "file" / "song.mid")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]
