"""The tracks of a bar as performance events (Simon et al. 2018), and back to notes.

490 classes: a note starts (0 to 127, its MIDI pitch) or ends (128 to 255), time moves on (256 to
351, by 1 to 96 steps of 1/24 quarter), the notes to come get another velocity (352 to 359), the
track's program is told (360 to 487, and 488 for drums), the track ends (489). A track is its
program, its events, which fill the bar to its end, and the end token: at most 64 in all. At a step
notes end before others start, both in the order in which they began, low pitches first.

Letters: N notes, G tracks of single bars, L = 64 tokens.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

STEPS_PER_QUARTER = 24
MOST_STEPS = 96  # of a bar: the longest shift of time
MOST_TOKENS = 64  # L
NOTE_OFF = 128
SHIFT = 256  # by one step
VELOCITY = 352  # the first of eight bins
PROGRAM = 360
DRUMS = 488
END = 489
CLASSES = 490

VELOCITIES_PER_BIN = 16  # bin 1 is 1 to 16, bin 8 113 to 127
VELOCITY_UNTOLD = 100  # of notes before the first velocity event, in the reference
_PITCHES = 128  # also above any step of a bar: numbers are packed side by side with it


@dataclass(frozen=True, eq=False, kw_only=True)
class BarNotes:
    """Notes of several tracks of single bars: `track` says of which one (0 to G - 1) each is.

    Steps count from the beginning of the bar.
    """

    track: np.ndarray  # (N,) int64
    start: np.ndarray  # (N,) int64, below `end`
    end: np.ndarray  # (N,) int64, at most 96
    pitch: np.ndarray  # (N,) int64
    velocity: np.ndarray  # (N,) int64, 1 to 127

    def __len__(self) -> int:
        return len(self.track)

    def take(self, rows: np.ndarray) -> BarNotes:
        """The notes at `rows` (indices or a mask)."""
        return BarNotes(
            track=self.track[rows],
            start=self.start[rows],
            end=self.end[rows],
            pitch=self.pitch[rows],
            velocity=self.velocity[rows],
        )


def velocity_bin(velocity: np.ndarray) -> np.ndarray:
    """Velocities of 1 to 127 -> bins of 1 to 8."""
    bins: np.ndarray = (velocity.astype(np.int64) - 1) // VELOCITIES_PER_BIN + 1
    return bins


def write_tracks(
    notes: BarNotes, program: np.ndarray, steps: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Notes -> tokens (G, L) uint16, zero behind each end, and how many there are (G,) int64.

    `program` (G,) are the program tokens, `steps` (G,) the lengths of the bars. Tracks without
    notes say only that time passes. A track of more than L tokens is left zero. If a pitch starts
    again before it has ended, the first note to start is the first to end.
    """
    notes = _in_order(notes)
    track, bins = notes.track, velocity_bin(notes.velocity)
    told = np.ones(len(notes), dtype=bool)  # whether a note is preceded by its velocity
    told[1:] = (track[1:] != track[:-1]) | (bins[1:] != bins[:-1])

    n, at = len(notes), np.arange(len(notes))
    step = np.concatenate([notes.start, notes.end])
    is_on = np.repeat([True, False], n)
    places = ((np.tile(track, 2) * _PITCHES + step) * 2 + is_on) * n + np.tile(at, 2)
    order = np.argsort(places)
    step, is_on, note = step[order], is_on[order], np.tile(at, 2)[order]
    of = track[note]

    begins = np.ones(2 * n, dtype=bool)  # the first event of its track
    begins[1:] = of[1:] != of[:-1]
    shift = np.diff(step, prepend=0)
    shift[begins] = step[begins]
    tells = is_on & told[note]
    size = 1 + (shift > 0) + tells

    groups = len(program)
    count = np.bincount(of, weights=size, minlength=groups).astype(np.int64)
    last = np.zeros(groups, dtype=np.int64)
    np.maximum.at(last, of, step)
    rest = steps - last
    lengths = 2 + count + (rest > 0)

    fits = lengths <= MOST_TOKENS
    firsts = np.cumsum(count) - count
    place = of * MOST_TOKENS + 1 + np.cumsum(size) - size - firsts[of]
    here = fits[of]
    tokens = np.zeros((groups, MOST_TOKENS), dtype=np.uint16)
    flat = tokens.reshape(-1)
    moved = here & (shift > 0)
    flat[place[moved]] = SHIFT - 1 + shift[moved]
    tells &= here
    flat[(place + (shift > 0))[tells]] = VELOCITY - 1 + bins[note[tells]]
    sounds = notes.pitch[note] + np.where(is_on, 0, NOTE_OFF)
    flat[(place + size - 1)[here]] = sounds[here]
    tokens[fits, 0] = program[fits]
    waits = fits & (rest > 0)
    tokens[waits, lengths[waits] - 2] = SHIFT - 1 + rest[waits]
    tokens[fits, lengths[fits] - 1] = END
    return tokens, lengths


def _in_order(notes: BarNotes) -> BarNotes:
    """The notes by track, start and pitch, the ends of each pitch in the order of the starts."""
    sound = (notes.track * _PITCHES + notes.pitch) * _PITCHES
    by_sound = np.argsort(sound + notes.start, kind="stable")
    end = np.empty_like(notes.end)
    end[by_sound] = np.sort(sound + notes.end) % _PITCHES
    order = np.argsort(
        (notes.track * _PITCHES + notes.start) * _PITCHES + notes.pitch, kind="stable"
    )
    return BarNotes(
        track=notes.track[order],
        start=notes.start[order],
        end=end[order],
        pitch=notes.pitch[order],
        velocity=notes.velocity[order],
    )


def spoken(tokens: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Which of tokens (G, L) count: those before the first end token and within `lengths` (G,)."""
    within = np.arange(tokens.shape[1]) < lengths[:, None]
    counts: np.ndarray = within & ~np.logical_or.accumulate(tokens == END, axis=1)
    return counts


def steps_of(tokens: np.ndarray) -> np.ndarray:
    """At which step of its bar each of tokens (G, L) stands; int64."""
    shift = _shifts(tokens)
    steps: np.ndarray = np.cumsum(shift, axis=1) - shift
    return steps


def _shifts(tokens: np.ndarray) -> np.ndarray:
    moves = (tokens >= SHIFT) & (tokens < VELOCITY)
    return np.where(moves, tokens.astype(np.int64) - SHIFT + 1, 0)


def read_programs(tokens: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """The program token (G,) of each track: the first one there is, or that of program 0."""
    is_program = spoken(tokens, lengths) & (tokens >= PROGRAM) & (tokens <= DRUMS)
    first = is_program.argmax(axis=1)
    found = tokens[np.arange(len(tokens)), first].astype(np.int64)
    return np.where(is_program.any(axis=1), found, PROGRAM)


def transpose_tracks(tokens: np.ndarray, semitones: np.ndarray) -> np.ndarray:
    """The notes of each of tokens (G, L) moved by its `semitones` (G,), by octaves into 0 to 127.

    Drums stay, and what lies behind the end token.
    """
    room = np.full(len(tokens), tokens.shape[1])
    pitched = read_programs(tokens, room) != DRUMS
    moves = spoken(tokens, room) & (tokens < SHIFT) & pitched[:, None]
    kind, pitch = np.divmod(tokens.astype(np.int64), NOTE_OFF)
    pitch += semitones[:, None]
    pitch -= np.maximum(-(-(pitch - 127) // 12), 0) * 12
    pitch += np.maximum(-(pitch // 12), 0) * 12
    return np.where(moves, kind * NOTE_OFF + pitch, tokens).astype(tokens.dtype)


def read_tracks(tokens: np.ndarray, lengths: np.ndarray, steps: np.ndarray) -> BarNotes:
    """Tokens (G, L) -> notes, track by track. Total: any tokens will do.

    Bars are cut at their `steps` (G,). A note-off ends the first that started of the notes of its
    pitch that still sound; what never ends lasts to the end of the bar; notes of no length are
    left out. In a track, notes stand in the order of their note-offs.
    """
    counts = spoken(tokens, lengths)
    tokens = np.where(counts, tokens, PROGRAM).astype(np.int64)
    at = steps_of(tokens)
    counts &= at <= steps[:, None]
    track, place = np.nonzero(counts & (tokens < SHIFT))
    event, step = tokens[track, place], at[track, place]
    pitch, is_on = event % NOTE_OFF, event < NOTE_OFF
    velocity = _velocities(tokens)[track, place]

    order = np.argsort(track * _PITCHES + pitch, kind="stable")
    sound = (track * _PITCHES + pitch)[order]
    on, off = _first_in_first_out(sound, is_on[order])
    starts, ends = order[on], order[off]
    ended = off >= 0
    end = np.where(ended, step[ends], steps[track[starts]])
    first = order[np.searchsorted(sound, sound[on])]  # of its pitch, of any kind
    turn = np.where(ended, place[ends], MOST_TOKENS + place[first])
    rows = np.lexsort((place[starts], turn, track[starts]))
    rows = rows[(end > step[starts])[rows]]
    starts = starts[rows]
    return BarNotes(
        track=track[starts],
        start=step[starts],
        end=end[rows],
        pitch=pitch[starts],
        velocity=velocity[starts],
    )


def _velocities(tokens: np.ndarray) -> np.ndarray:
    """The velocity in force at each of tokens (G, L)."""
    tells = (tokens >= VELOCITY) & (tokens < PROGRAM)
    last = np.maximum.accumulate(np.where(tells, np.arange(tokens.shape[1]), -1), axis=1)
    told = np.take_along_axis(tokens, np.maximum(last, 0), axis=1) - VELOCITY
    return np.where(last < 0, VELOCITY_UNTOLD, 1 + told * VELOCITIES_PER_BIN)


def _first_in_first_out(sound: np.ndarray, is_on: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Events of one sound after another -> the rows of all starts, and of their ends, or -1.

    An end while nothing of its sound is open counts for nothing.
    """
    rows = np.arange(len(sound))
    if not len(rows):
        return rows, rows
    begins = np.searchsorted(sound, sound)  # the first row of each event's sound
    total = np.cumsum(np.where(is_on, 1, -1))
    before = np.append(0, total)[begins]
    own = total - before  # starts less ends of the sound so far
    room = 2 * len(sound) + 1  # apart from one sound to the next, so that minima do not mix
    lowest = np.minimum.accumulate(own - begins * room) + begins * room
    low_before = np.append(0, lowest[:-1])
    low_before[begins == rows] = 0
    counts = is_on | (own >= np.minimum(low_before, 0))
    ons, offs = rows[is_on], rows[counts & ~is_on]
    # The k-th end that counts is that of the k-th start of the sound.
    sound_on, sound_off = sound[ons], sound[offs]
    k = np.arange(len(ons)) - np.searchsorted(sound_on, sound_on)
    first_off = np.searchsorted(sound_off, sound_on)
    has = k < np.searchsorted(sound_off, sound_on, side="right") - first_off
    matched = np.full(len(ons), -1)
    matched[has] = offs[(first_off + k)[has]]
    return ons, matched
