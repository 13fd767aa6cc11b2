"""`Score` <-> the music types of other libraries, each imported only when it is used.

Notes keep their order, their exact times and their grouping into instruments both ways.
"""

from __future__ import annotations

import io
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from musicvae.notes.chords import Chord, are_chords
from musicvae.notes.errors import InvalidMusic
from musicvae.notes.midi import midi_bytes, read_midi
from musicvae.notes.midi_read import SUSTAIN
from musicvae.notes.score import DEFAULT_QPM, NO_PEDALS, Key, Meter, Pedals, Score, Tempo, Track

if TYPE_CHECKING:
    import note_seq
    import pretty_midi
    import symusic

ACCEPTED = (
    "a path, the bytes of a MIDI file, a musicvae Score, a note_seq.NoteSequence, "
    "a pretty_midi.PrettyMIDI or a symusic.Score"
)


def to_score(source: object) -> Score:
    """Whatever holds music -> `Score`; raises `InvalidMusic` for what is none of `ACCEPTED`."""
    if isinstance(source, Score):
        return source
    if isinstance(source, str | Path | bytes):
        return read_midi(source)
    if isinstance(source, bytearray | memoryview):
        return read_midi(bytes(source))
    for owner in type(source).__mro__:
        library, name = owner.__module__.split(".")[0], owner.__name__
        if name == "NoteSequence":
            return _from_note_sequence(source)
        if (library, name) == ("pretty_midi", "PrettyMIDI"):
            return _from_pretty_midi(source)
        if library == "symusic" and name in ("ScoreTick", "ScoreQuarter", "ScoreSecond"):
            return _from_symusic(source)
    kind = f"{type(source).__module__}.{type(source).__qualname__}".removeprefix("builtins.")
    raise InvalidMusic(f"an object of type {kind} is no music that is known: expected {ACCEPTED}")


def to_note_sequence(score: Score) -> note_seq.NoteSequence:
    """The score as note-seq's protocol buffer; `instrument` is the index of the track."""
    from note_seq import NoteSequence

    sequence = NoteSequence(
        ticks_per_quarter=score.ticks_per_quarter, total_time=score.total_seconds
    )
    for t in score.tempos:
        sequence.tempos.add(time=t.time, qpm=t.qpm)
    for m in score.meters:
        sequence.time_signatures.add(time=m.time, numerator=m.numerator, denominator=m.denominator)
    for k in score.keys:
        sequence.key_signatures.add(time=k.time, key=k.tonic, mode=int(k.minor))
    for c in score.chords:
        sequence.text_annotations.add(
            time=c.time, text=c.symbol, annotation_type=NoteSequence.TextAnnotation.CHORD_SYMBOL
        )
    for i, track in enumerate(score.tracks):
        if track.name:
            sequence.instrument_infos.add(instrument=i, name=track.name)
    for pitch, velocity, start, end, i in _rows(score):
        sequence.notes.add(
            pitch=pitch,
            velocity=velocity,
            start_time=start,
            end_time=end,
            instrument=i,
            program=score.tracks[i].program,
            is_drum=score.tracks[i].is_drum,
        )
    for time, i, value in _pedal_rows(score):
        sequence.control_changes.add(
            time=time,
            control_number=SUSTAIN,
            control_value=value,
            instrument=i,
            program=score.tracks[i].program,
            is_drum=score.tracks[i].is_drum,
        )
    return sequence


def to_pretty_midi(score: Score) -> pretty_midi.PrettyMIDI:
    """The score as a pretty_midi object, one instrument a track."""
    import pretty_midi

    midi = pretty_midi.PrettyMIDI(io.BytesIO(midi_bytes(_without_notes(score))), charset="utf-8")
    midi.instruments = [
        pretty_midi.Instrument(t.program, is_drum=t.is_drum, name=t.name) for t in score.tracks
    ]
    for pitch, velocity, start, end, i in _rows(score):
        midi.instruments[i].notes.append(pretty_midi.Note(velocity, pitch, start, end))
    for time, i, value in _pedal_rows(score):
        midi.instruments[i].control_changes.append(pretty_midi.ControlChange(SUSTAIN, value, time))
    return midi


def to_symusic(score: Score) -> symusic.core.ScoreTick:
    """The score as a symusic score in ticks, to the nearest tick of its `ticks_per_quarter`."""
    import symusic

    result: Any = symusic.Score.from_midi(midi_bytes(_without_notes(score)))
    start = np.rint(score.quarters_at(score.start) * result.ticks_per_quarter)
    end = np.rint(score.quarters_at(score.end) * result.ticks_per_quarter)
    for chord in score.chords:
        at = round(float(score.quarters_at(chord.time)) * result.ticks_per_quarter)
        result.markers.append(symusic.core.TextMetaTick(at, chord.symbol))
    for i, track in enumerate(score.tracks):
        rows = score.track == i
        part = symusic.core.TrackTick(track.name, track.program, track.is_drum)
        part.notes = symusic.core.NoteTickList.from_numpy(
            start[rows].astype(np.int32),
            (end - start)[rows].astype(np.int32),
            score.pitch[rows].astype(np.int8),
            score.velocity[rows].astype(np.int8),
        )
        result.tracks.append(part)
    return result  # type: ignore[no-any-return]


def _from_note_sequence(sequence: Any) -> Score:
    names = {info.instrument: info.name for info in sequence.instrument_infos}
    parts = [(n.instrument, n.program, n.is_drum) for n in sequence.notes]
    index = {part: i for i, part in enumerate(sorted(set(parts), key=lambda part: part[0]))}
    return _score(
        notes=[(n.pitch, n.velocity, n.start_time, n.end_time) for n in sequence.notes],
        track=[index[part] for part in parts],
        tracks=[Track(name=names.get(i, ""), program=p, is_drum=d) for i, p, d in index],
        tempos=[Tempo(t.time, t.qpm) for t in sequence.tempos],
        meters=[Meter(m.time, m.numerator, m.denominator) for m in sequence.time_signatures],
        keys=[Key(k.time, k.key, k.mode == k.MINOR) for k in sequence.key_signatures],
        chords=[
            Chord(a.time, a.text)
            for a in sequence.text_annotations
            if a.annotation_type == a.CHORD_SYMBOL
        ],
        pedals=[
            (c.time, index[part], c.control_value)
            for c in sequence.control_changes
            for part in index
            if c.control_number == SUSTAIN and c.instrument == part[0]
        ],
        ticks_per_quarter=sequence.ticks_per_quarter,
    )


def _from_pretty_midi(midi: Any) -> Score:
    placed = [(n, i) for i, part in enumerate(midi.instruments) for n in part.notes]
    times, tempos = (column.tolist() for column in midi.get_tempo_changes())
    keys = [(k.time, *divmod(k.key_number, 12)) for k in midi.key_signature_changes]
    return _score(
        notes=[(n.pitch, n.velocity, n.start, n.end) for n, _ in placed],
        track=[i for _, i in placed],
        tracks=[Track(name=p.name, program=p.program, is_drum=p.is_drum) for p in midi.instruments],
        tempos=list(map(Tempo, times, tempos)),
        meters=[Meter(m.time, m.numerator, m.denominator) for m in midi.time_signature_changes],
        keys=[Key(time, tonic, minor == 1) for time, minor, tonic in keys],
        chords=[
            Chord(float(at), symbol)
            for at, symbol in _first_chords(
                [[(t.time, t.text) for t in texts] for texts in (midi.text_events, midi.lyrics)]
            )
        ],
        pedals=[
            (c.time, i, c.value)
            for i, part in enumerate(midi.instruments)
            for c in part.control_changes
            if c.number == SUSTAIN
        ],
        ticks_per_quarter=midi.resolution,
    )


def _from_symusic(source: Any) -> Score:
    score = source.to("tick")
    seconds = _symusic_clock(score)
    columns = [part.notes.numpy() for part in score.tracks]
    notes = [
        (pitch, velocity, seconds(start), seconds(start + length))
        for c in columns
        for pitch, velocity, start, length in zip(
            *(c[name].tolist() for name in ("pitch", "velocity", "time", "duration")), strict=True
        )
    ]
    meters, keys = score.time_signatures, score.key_signatures
    return _score(
        notes=notes,
        track=[i for i, c in enumerate(columns) for _ in c["time"]],
        tracks=[Track(name=p.name, program=p.program, is_drum=p.is_drum) for p in score.tracks],
        tempos=[Tempo(seconds(t.time), t.qpm) for t in score.tempos],
        meters=[Meter(seconds(m.time), m.numerator, m.denominator) for m in meters],
        keys=[
            Key(seconds(k.time), (7 * k.key + 9 * k.tonality) % 12, k.tonality == 1) for k in keys
        ],
        chords=[
            Chord(seconds(at), symbol)
            for at, symbol in _first_chords(
                [[(m.time, m.text) for m in score.markers]]
                + [[(t.time, t.text) for t in part.lyrics] for part in score.tracks]
            )
        ],
        pedals=[
            (seconds(c.time), i, c.value)
            for i, part in enumerate(score.tracks)
            for c in part.controls
            if c.number == SUSTAIN
        ],
        ticks_per_quarter=score.ticks_per_quarter,
    )


def _symusic_clock(score: Any) -> Callable[[int], float]:
    """Ticks -> seconds through the tempo changes of a symusic score in ticks."""
    changes: list[tuple[int, float]] = sorted(
        (t.time, 60 / (t.qpm * score.ticks_per_quarter)) for t in score.tempos
    )
    if not changes or changes[0][0] > 0:
        changes.insert(0, (0, 60 / (DEFAULT_QPM * score.ticks_per_quarter)))
    ticks = [tick for tick, _ in changes]
    begins = [0.0]
    for (now, scale), (after, _) in pairwise(changes):
        begins.append(begins[-1] + (after - now) * scale)

    def seconds(tick: int) -> float:
        i = max(bisect_right(ticks, tick) - 1, 0)
        return begins[i] + (tick - ticks[i]) * changes[i][1]

    return seconds


def _score(
    *,
    notes: Sequence[tuple[int, int, float, float]],
    track: Sequence[int],
    tracks: Sequence[Track],
    tempos: Sequence[Tempo],
    meters: Sequence[Meter],
    keys: Sequence[Key],
    chords: Sequence[Chord],
    pedals: Sequence[tuple[float, int, int]],
    ticks_per_quarter: int,
) -> Score:
    """A score of (pitch, velocity, start, end) rows; impossible marks are left out.

    `pedals` are the time, track and value of each movement of a sustain pedal.
    """
    moved = np.array(pedals, dtype=np.float64).reshape(-1, 3)
    columns = np.array(notes, dtype=np.float64).reshape(-1, 4)
    if not ((columns[:, :2] >= 0) & (columns[:, :2] <= 127)).all():
        raise InvalidMusic("a pitch or a velocity of the music lies outside 0 to 127")
    if not np.isfinite(columns).all():
        raise InvalidMusic("a note of the music starts or ends at no finite time")
    known = sorted((t for t in tempos if t.qpm > 0), key=lambda t: t.time)
    if not known or known[0].time > 0:
        known.insert(0, Tempo(0.0, DEFAULT_QPM))
    return Score(
        pitch=columns[:, 0].astype(np.uint8),
        velocity=columns[:, 1].astype(np.uint8),
        start=columns[:, 2].copy(),
        end=columns[:, 3].copy(),
        track=np.array(track, dtype=np.int32),
        tracks=tuple(tracks),
        tempos=tuple(known),
        meters=tuple(m for m in meters if m.numerator > 0 and m.denominator > 0),
        keys=tuple(keys),
        chords=tuple(sorted(chords, key=lambda chord: chord.time)),
        pedals=Pedals(
            time=moved[:, 0].copy(), track=moved[:, 1].astype(np.int32), down=moved[:, 2] >= 64
        ),
        ticks_per_quarter=ticks_per_quarter or 480,
    )


def _first_chords(texts: Sequence[Sequence[tuple[Any, str]]]) -> Sequence[tuple[Any, str]]:
    """The first of several sorts of texts (time, text) that are chord symbols."""
    said = [[(at, text.strip()) for at, text in sort if text.strip()] for sort in texts]
    return next((sort for sort in said if are_chords([text for _, text in sort])), [])


def _rows(score: Score) -> Iterator[tuple[int, int, float, float, int]]:
    columns = (score.pitch, score.velocity, score.start, score.end, score.track)
    return zip(*(c.tolist() for c in columns), strict=True)


def _pedal_rows(score: Score) -> Iterator[tuple[float, int, int]]:
    """Time, track and controller value of each movement of a sustain pedal."""
    pedals = score.pedals
    values = np.where(pedals.down, 127, 0)
    return zip(pedals.time.tolist(), pedals.track.tolist(), values.tolist(), strict=True)


def _without_notes(score: Score) -> Score:
    """The tempo, meter, key and chords of a score alone."""
    none = np.zeros(0, dtype=np.int32)
    return replace(
        score,
        pitch=none,
        velocity=none,
        start=none,
        end=none,
        track=none,
        tracks=(),
        pedals=NO_PEDALS,
    )
