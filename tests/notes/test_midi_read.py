from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from musicvae.notes.errors import InvalidMusic
from musicvae.notes.midi import read_midi
from musicvae.notes.score import Key, Meter, Score, Tempo, Track
from tests.notes.smf_bytes import Event, chunk, file, meta, meter, off, on, program, tempo

MIDI = sorted((Path(__file__).parent.parent / "golden" / "midi").glob("*.mid"))
NOTE: list[Event] = [(0, on(60)), (480, off(60))]


def agrees_with_note_seq(content: bytes) -> None:
    """Same notes in the same order, instruments, tempos, meters and keys, to the last bit."""
    from note_seq import midi_to_note_sequence

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of tempo changes outside the first chunk
        theirs = midi_to_note_sequence(content)
    ours = read_midi(content)
    assert rows(ours) == [
        (n.pitch, n.velocity, n.start_time, n.end_time, n.instrument, n.program, n.is_drum)
        for n in theirs.notes
    ]
    assert [(t.time, t.qpm) for t in ours.tempos] == [(t.time, t.qpm) for t in theirs.tempos]
    assert [(m.time, m.numerator, m.denominator) for m in ours.meters] == [
        (m.time, m.numerator, m.denominator) for m in theirs.time_signatures
    ]
    assert [(k.time, k.tonic, k.minor) for k in ours.keys] == [
        (k.time, k.key, bool(k.mode)) for k in theirs.key_signatures
    ]
    assert ours.ticks_per_quarter == theirs.ticks_per_quarter
    pedals = ours.pedals
    assert sorted(
        zip(pedals.time.tolist(), pedals.track.tolist(), pedals.down.tolist(), strict=True)
    ) == sorted(
        (c.time, c.instrument, c.control_value >= 64)
        for c in theirs.control_changes
        if c.control_number == 64
    )


def rows(score: Score) -> list[tuple[object, ...]]:
    columns = (score.pitch, score.velocity, score.start, score.end, score.track)
    return [
        (*note, score.tracks[note[-1]].program, score.tracks[note[-1]].is_drum)
        for note in zip(*(c.tolist() for c in columns), strict=True)
    ]


@pytest.mark.parametrize("path", MIDI, ids=lambda path: path.stem)
def test_files_read_as_note_seq_reads_them(path: Path) -> None:
    agrees_with_note_seq(path.read_bytes())


pitches = st.integers(60, 62)  # few, so that notes overlap
channels = st.sampled_from([0, 1, 9])
contents = st.one_of(
    st.builds(on, pitches, st.integers(0, 127), channels),
    st.builds(off, pitches, channels),
    st.builds(on, pitches, st.just(90), channels),
    st.builds(off, pitches, channels),
    st.builds(program, st.integers(0, 3), channels),
    st.builds(tempo, st.floats(30, 300)),
    st.builds(meter, st.integers(1, 12), st.integers(0, 4)),
    st.builds(meta, st.sampled_from([0x01, 0x03, 0x05, 0x7F]), st.binary(max_size=200)),
    st.builds(lambda c, v: bytes([0xB0 | c, 64, v]), channels, st.integers(0, 127)),
    st.builds(lambda b: b"\xf0" + bytes([len(b) + 1]) + b + b"\xf7", st.just(b"\x01\x02")),
)
tracks = st.lists(st.tuples(st.sampled_from([0, 0, 1, 60, 200, 20000]), contents), max_size=40)


@given(st.lists(tracks, min_size=1, max_size=3), st.sampled_from([24, 96, 220, 480, 10080]))
def test_any_events_read_as_note_seq_reads_them(
    events: Sequence[Sequence[Event]], division: int
) -> None:
    agrees_with_note_seq(file(*map(chunk, events), division=division))


@given(tracks)
def test_running_status_changes_nothing(events: Sequence[Event]) -> None:
    short: list[Event] = []
    status = 0
    for delta, content in events:
        repeated = content[0] == status
        short.append((delta, content[1:] if repeated else content))
        status = content[0] if content[0] < 0xF0 else 0
    assert rows(read_midi(file(chunk(short)))) == rows(read_midi(file(chunk(events))))


def test_program_changes_in_running_status() -> None:
    events = [(0, program(5)), (0, b"\x07"), (10, b"\x09"), *NOTE]
    assert read_midi(file(chunk(events))).tracks == (Track(program=9),)


def test_a_note_off_ends_all_but_what_began_at_its_tick() -> None:
    events = [(0, on(60)), (10, on(60)), (10, off(60)), (0, on(60)), (10, off(60)), (5, off(60))]
    score = read_midi(file(chunk(events), division=60))
    ticks = (np.stack([score.start, score.end], axis=1) * 120).round().astype(int)
    assert ticks.tolist() == [[0, 20], [10, 20], [20, 30]]


def test_names_meters_keys_and_tempos() -> None:
    first = [
        (0, meta(0x03, b"Song")),
        (0, tempo(90)),
        (0, meter(3, 2)),
        (0, meta(0x59, b"\xfe\x01")),  # two flats, minor
        (1440, tempo(60)),
        (0, meter(6, 3)),
    ]
    second = [(0, meta(0x03, "Flöte".encode())), (0, program(73)), *NOTE]
    third = [(0, meta(0x03, "Baß".encode("latin-1"))), (0, on(36, 90, 9)), (5, off(36, 9))]
    score = read_midi(file(chunk(first), chunk(second), chunk(third)))
    assert score.tracks == (Track(name="Flöte", program=73), Track(name="Baß", is_drum=True))
    assert score.meters == (Meter(0.0, 3, 4), Meter(2.0000010000000001, 6, 8))
    assert score.keys == (Key(0.0, 7, minor=True),)
    assert [round(t.qpm, 3) for t in score.tempos] == [90.0, 60.0]


def test_smpte_time_counts_frames_and_ignores_tempo() -> None:
    division = (256 - 25) << 8 | 40  # 25 frames a second of 40 ticks
    score = read_midi(
        file(chunk([(0, tempo(60)), (500, on(60)), (250, off(60))]), division=division)
    )
    assert (score.start[0], score.end[0]) == (0.5, 0.75)
    assert score.tempos == (Tempo(0.0, 120.0),)


def test_what_makes_no_sense_is_left_out() -> None:
    events = [
        (0, meta(0x51, b"\0\0\0")),
        (0, meta(0x51, b"")),
        (0, meter(0, 2)),
        (0, meter(4, 200)),
        (0, meta(0x59, b"\x63\x00")),
        *NOTE,
    ]
    score = read_midi(file(chunk(events)))
    assert (score.tempos, score.meters, score.keys) == ((Tempo(0.0, 120.0),), (), ())
    assert len(score) == 1


def test_a_file_in_a_riff_header_or_behind_unknown_chunks() -> None:
    plain = file(chunk(NOTE))
    unknown = b"XFIH\0\0\0\x04abcd"
    for content in (b"RIFF\0\0\0\0RMIDdata\0\0\0\0" + plain, plain[:14] + unknown + plain[14:]):
        assert rows(read_midi(content)) == rows(read_midi(plain))


def test_a_missing_track_end() -> None:
    assert len(read_midi(file(chunk(NOTE, end=False)))) == 1


@pytest.mark.parametrize("path", MIDI[:3], ids=lambda path: path.stem)
def test_a_file_cut_anywhere_gives_its_beginning_or_one_sentence(path: Path) -> None:
    content = path.read_bytes()
    whole = set(rows(read_midi(content)))
    read = 0
    for length in range(0, len(content), 37):
        try:
            part = {row[:4] for row in rows(read_midi(content[:length]))}
        except InvalidMusic:
            continue
        assert part <= {row[:4] for row in whole}
        read = max(read, len(part))
    assert read > 0.5 * len({row[:4] for row in whole})


@given(st.sampled_from(MIDI), st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255))))
def test_broken_bytes_never_crash(path: Path, changes: list[tuple[int, int]]) -> None:
    content = bytearray(path.read_bytes()[:6000])
    for at, byte in changes:
        content[at % len(content)] = byte
    try:
        score = read_midi(bytes(content))
    except InvalidMusic:
        return
    assert (score.end > score.start).all()
    assert int(score.pitch.max(initial=0)) < 128


HEADER = file()[:14]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"Dear Sir, this is no music.", "not a MIDI file"),
        (HEADER[:11], "cut off inside its header"),
        (HEADER, "no track"),
        (file(chunk([], end=False)), "without a single event"),
        (file(chunk(NOTE), division=0), "0 ticks a quarter"),
        (file(chunk([*[(2**28 - 1, on(60))] * 4, (9, off(60))]), division=96), "corrupt"),
        (bytes(17 * 2**20), "17 MiB"),
    ],
)
def test_what_is_no_midi_is_refused_in_one_sentence(content: bytes, words: str) -> None:
    with pytest.raises(InvalidMusic, match=words) as refused:
        read_midi(content)
    assert "\n" not in str(refused.value)


def test_paths_that_are_no_files(tmp_path: Path) -> None:
    with pytest.raises(InvalidMusic, match=r"there is no file .*nowhere.mid"):
        read_midi(tmp_path / "nowhere.mid")
    with pytest.raises(InvalidMusic, match="is a folder"):
        read_midi(str(tmp_path))
    (tmp_path / "words.mid").write_text("la la la")
    with pytest.raises(InvalidMusic, match=r"words.mid is not a MIDI file"):
        read_midi(tmp_path / "words.mid")


def test_no_notes_is_music_too() -> None:
    score = read_midi(file(chunk([(0, tempo(90))])))
    assert (len(score), score.total_seconds, score.tracks) == (0, 0.0, ())
