"""The events of a MIDI file -> `Score`.

The rules are those with which the field's corpora were read (pretty_midi 0.2.11, note-seq 0.0.5),
so that the same file gives the same notes in the same order:

* tempo, meter and key come from the first track chunk; a tempo of 0 and a meter of 0 are ignored;
* a track of the score is a (chunk, channel, program), in the order in which their first notes end,
  and the notes of a track stand in the order of their ends;
* a note-off ends every sounding note of its pitch and channel but those that began at its tick; if
  these are all there are, they are dropped. Notes never ended are dropped;
* texts, lyrics and markers are chords where all of their kind in a chunk can be read as chords;
* a sustain pedal belongs to the track of its (chunk, channel, program). Moved before that has a
  note, it belongs to all tracks that begin on its chunk and channel from then on.
"""

from __future__ import annotations

import numpy as np

from musicvae.notes.chords import Chord, are_chords
from musicvae.notes.errors import InvalidMusic
from musicvae.notes.score import DEFAULT_QPM, NO_PEDALS, Key, Meter, Pedals, Score, Tempo, Track
from musicvae.notes.smf import Events

DRUM_CHANNEL = 9  # General MIDI: channel 10 of 1 to 16
MAX_QUARTERS = 1_000_000  # 250,000 bars of 4/4: any more is a corrupt delta time
SUSTAIN = 64  # the controller of the sustain pedal; values from 64 on press it
_TRACK_NAME, _TEMPO, _METER, _KEY = 0x03, 0x51, 0x58, 0x59  # meta event types
_TEXT, _LYRIC, _MARKER = 0x01, 0x05, 0x06


def score_of(events: Events, name: str) -> Score:
    """The score that the events make. Raises `InvalidMusic`, calling the file `name`."""
    is_note = (events.status & 0xE0) == 0x80
    on, off = _pairs(events, is_note.nonzero()[0])
    last = int(events.tick[off].max(initial=0))
    if last > MAX_QUARTERS * events.ticks_per_quarter:
        raise InvalidMusic(
            f"{name} lasts {last / events.ticks_per_quarter:,.0f} quarter notes: it is likely "
            f"corrupt, at most {MAX_QUARTERS:,} are read"
        )
    metas = _metas(events)
    on, off, track, tracks = _instruments(events, metas, on, off)
    clock = _Clock(events, [m for m in metas if m[0] == 0 and m[2] == _TEMPO])
    meters, keys = _signatures(events, metas, clock)
    return Score(
        pitch=events.raw[events.data[on]],
        velocity=events.raw[events.data[on] + 1],
        start=clock.seconds(events.tick[on]),
        end=clock.seconds(events.tick[off]),
        track=track,
        tracks=tracks,
        tempos=clock.tempos(),
        meters=meters,
        keys=keys,
        chords=_chords(events, clock),
        pedals=_pedals(events, clock, off, track),
        ticks_per_quarter=events.ticks_per_quarter,
    )


def _pairs(events: Events, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the note-on and the note-off of every note, in the order of the note-offs."""
    pitch, velocity = events.raw[events.data[rows]], events.raw[events.data[rows] + 1]
    whole = (pitch | velocity) < 0x80  # a data byte above is a broken event
    if not whole.all():
        rows, pitch, velocity = rows[whole], pitch[whole], velocity[whole]
    status = events.status[rows]
    key = (events.chunk[rows] << 11) | ((status & np.int64(15)) << 7) | pitch
    order = key.argsort(kind="stable")
    rows, key = rows[order], key[order]
    is_on = ((status >= 0x90) & (velocity > 0))[order]
    ons, offs = is_on.nonzero()[0], (~is_on).nonzero()[0]
    if not (len(ons) and len(offs)):
        return rows[:0], rows[:0]
    next_off = offs[np.minimum(offs.searchsorted(ons), len(offs) - 1)]
    ended = (next_off > ons) & (key[next_off] == key[ons])
    ons, next_off = ons[ended], next_off[ended]
    empty = events.tick[rows[ons]] == events.tick[rows[next_off]]
    if bool(empty.any()):
        odd = np.isin(key, key[ons[empty]])
        fine = ~odd[ons]
        more = _pairs_one_by_one(events.tick[rows], key, is_on, np.flatnonzero(odd))
        ons = np.concatenate([ons[fine], more[:, 0]])
        next_off = np.concatenate([next_off[fine], more[:, 1]])
    on, off = rows[ons], rows[next_off]
    order = off.argsort(kind="stable")  # what ends together began in the order of the rows
    return on[order], off[order]


def _pairs_one_by_one(
    tick: np.ndarray, key: np.ndarray, is_on: np.ndarray, rows: np.ndarray
) -> np.ndarray:
    """(on, off) rows (N, 2) of the keys where a note ends at the tick where it begins."""
    sounding: dict[int, list[int]] = {}
    pairs: list[tuple[int, int]] = []
    for row in rows.tolist():
        notes = sounding.setdefault(int(key[row]), [])
        if is_on[row]:
            notes.append(row)
            continue
        now = int(tick[row])
        ending = [on for on in notes if tick[on] != now]
        pairs += [(on, row) for on in ending]
        notes[:] = [on for on in notes if tick[on] == now] if ending else []
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


_Meta = tuple[int, int, int, int]  # chunk, row, type, tick


def _metas(events: Events) -> list[_Meta]:
    """The meta events that the score keeps, in file order."""
    rows = (events.status == 0xFF).nonzero()[0]
    kinds = events.raw[events.data[rows]]
    used = (kinds == _TRACK_NAME) | (kinds == _TEMPO) | (kinds == _METER) | (kinds == _KEY)
    rows = rows[used]
    columns = (events.chunk[rows], rows, kinds[used], events.tick[rows])
    return list(zip(*(c.tolist() for c in columns), strict=True))


def _instruments(
    events: Events, metas: list[_Meta], on: np.ndarray, off: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray, tuple[Track, ...]]:
    """Notes grouped by chunk, channel and the program in force as they end."""
    if not len(on):
        return on, off, np.zeros(0, dtype=np.int32), ()
    part = _parts(events, off)
    groups = (part << 7) | _programs(events, part, off)
    index = list(dict.fromkeys(groups.tolist()))
    track = np.zeros(len(off), dtype=np.int32)
    if len(index) > 1:
        keys = np.array(index)
        ascending = keys.argsort()
        track = ascending[keys[ascending].searchsorted(groups)].astype(np.int32)
        order = track.argsort(kind="stable")
        on, off, track = on[order], off[order], track[order]
    ends = off[track.searchsorted(np.arange(len(index)))]
    names = [(chunk, row) for chunk, row, kind, _ in metas if kind == _TRACK_NAME]
    tracks: list[Track] = []
    for key, row in zip(index, ends.tolist(), strict=True):
        named = [r for chunk, r in names if chunk == key >> 11 and r < row]
        title = _text(events.meta(named[-1])) if named else ""
        drums = (key >> 7) & 15 == DRUM_CHANNEL
        tracks.append(Track(name=title, program=key & 127, is_drum=drums))
    return on, off, track, tuple(tracks)


def _pedals(events: Events, clock: _Clock, off: np.ndarray, track: np.ndarray) -> Pedals:
    """The sustain pedals of the tracks, whose notes end at the rows `off`."""
    rows = ((events.status & 0xF0) == 0xB0).nonzero()[0]
    rows = rows[events.raw[events.data[rows]] == SUSTAIN]
    if not (len(rows) and len(off)):
        return NO_PEDALS
    begins = off[track.searchsorted(np.arange(track[-1] + 1))]  # the first end of each track
    part, parts = _parts(events, rows), _parts(events, begins)
    group = (part << 7) | _programs(events, part, rows)
    groups = (parts << 7) | _programs(events, parts, begins)
    found = []
    for own in np.unique(part).tolist():
        here, there = (part == own).nonzero()[0], (parts == own).nonzero()[0]
        began = dict(zip(groups[there].tolist(), begins[there].tolist(), strict=True))
        since = np.array([began.get(g, np.inf) for g in group[here].tolist()])
        early = rows[here] < since
        first_early = rows[here[early]].min(initial=len(events.status))
        shared = {t for t in there.tolist() if begins[t] > first_early}
        common = early | np.isin(group[here], groups[list(shared)])
        for t in there.tolist():
            moved = here[common] if t in shared else here[~early & (group[here] == groups[t])]
            found.append((np.full(len(moved), t), moved))
    which = np.concatenate([t for t, _ in found] or [np.zeros(0, dtype=np.int64)])
    moved = rows[np.concatenate([m for _, m in found] or [np.zeros(0, dtype=np.int64)])]
    value = events.raw[events.data[moved] + 1]
    return Pedals(
        time=clock.seconds(events.tick[moved]), track=which.astype(np.int32), down=value >= 64
    )


def _parts(events: Events, rows: np.ndarray) -> np.ndarray:
    """A number for the chunk and the channel of each row."""
    parts: np.ndarray = (events.chunk[rows] << 4) | (events.status[rows] & np.int64(15))
    return parts


def _programs(events: Events, part: np.ndarray, off: np.ndarray) -> np.ndarray:
    """The program in force on the chunk and channel `part` of each row of `off`; 0 by default."""
    rows = ((events.status & 0xF0) == 0xC0).nonzero()[0]
    if not len(rows):
        return np.zeros(len(off), dtype=np.int64)
    size = len(events.status)
    changed = _parts(events, rows)
    moments = changed * size + rows
    order = moments.argsort()
    i = moments[order].searchsorted(part * size + off) - 1
    last = order[np.maximum(i, 0)]
    known = (i >= 0) & (changed[last] == part)
    return np.where(known, events.raw[events.data[rows[last]]] & np.int64(0x7F), 0)


def _text(content: bytes) -> str:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    return "".join(c for c in text if c.isprintable()).strip()


class _Clock:
    """Ticks -> seconds through the tempo changes of the first chunk, as pretty_midi computes it."""

    def __init__(self, events: Events, changes: list[_Meta]) -> None:
        self.per_quarter = events.ticks_per_quarter
        beats = 60.0 / (DEFAULT_QPM * self.per_quarter)
        marks = [(0, beats if not events.ticks_per_second else 1 / events.ticks_per_second)]
        for _, row, _, tick in changes if not events.ticks_per_second else []:
            micros = int.from_bytes(events.meta(row)[:3], "big")  # in a quarter note
            if not micros:
                continue
            scale = 60.0 / ((6e7 / micros) * self.per_quarter)
            if tick == 0:
                marks = [(0, scale)]
            elif scale != marks[-1][1]:
                marks.append((tick, scale))
        self.ticks = np.array([tick for tick, _ in marks])
        self.scales = np.array([scale for _, scale in marks])
        self.begins = np.zeros(len(marks))  # seconds
        for i in range(1, len(marks)):
            elapsed = self.scales[i - 1] * (self.ticks[i] - self.ticks[i - 1])
            self.begins[i] = self.begins[i - 1] + elapsed

    def seconds(self, ticks: np.ndarray) -> np.ndarray:
        if len(self.ticks) == 1:
            return np.asarray(self.scales[0] * ticks)
        i = np.searchsorted(self.ticks, ticks, side="right") - 1
        return np.asarray(self.begins[i] + self.scales[i] * (ticks - self.ticks[i]))

    def tempos(self) -> tuple[Tempo, ...]:
        qpm = 60.0 / (self.scales * self.per_quarter)
        return tuple(map(Tempo, self.begins.tolist(), qpm.tolist()))


def _signatures(
    events: Events, metas: list[_Meta], clock: _Clock
) -> tuple[tuple[Meter, ...], tuple[Key, ...]]:
    """The meters and keys of the first chunk that make sense."""
    meters: list[Meter] = []
    keys: list[Key] = []
    stated = [m for m in metas if m[0] == 0 and m[2] in (_METER, _KEY)]
    times = clock.seconds(np.array([m[3] for m in stated], dtype=np.int64)).tolist()
    for (_, row, kind, _), time in zip(stated, times, strict=True):
        first, second = [*events.meta(row)[:2], 0, 255][:2]
        if kind == _METER and first and second <= 7:  # up to 128th notes
            meters.append(Meter(time, first, 2**second))
        fifths = (first ^ 0x80) - 0x80  # sharps above zero, flats below
        if kind == _KEY and abs(fifths) <= 7 and second <= 1:
            keys.append(Key(time, (7 * fifths + 9 * second) % 12, second == 1))
    return tuple(meters), tuple(keys)


def _chords(events: Events, clock: _Clock) -> tuple[Chord, ...]:
    """The chord symbols of a file: the first sort of text, in the first chunk, that holds them."""
    rows = (events.status == 0xFF).nonzero()[0]
    kinds = events.raw[events.data[rows]]
    for kind in (_TEXT, _LYRIC, _MARKER):
        said = rows[kinds == kind]
        for chunk in sorted(set(events.chunk[said].tolist())):
            own = said[events.chunk[said] == chunk]
            symbols = [_text(events.meta(row)) for row in own.tolist()]
            if are_chords([s for s in symbols if s]):
                times = clock.seconds(events.tick[own]).tolist()
                return tuple(Chord(t, s) for t, s in zip(times, symbols, strict=True) if s)
    return ()
