"""Music as notes, on two clocks that never share a type.

`Score` keeps time in seconds, as a MIDI file sounds. `StepScore` keeps time on a grid of steps,
as a model reads it. Both are frozen and columnar: one NumPy array a column, one row a note.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field

import numpy as np

from musicvae.notes.chords import Chord
from musicvae.notes.errors import InvalidMusic

DEFAULT_QPM = 120.0  # Standard MIDI Files 1.0: the tempo of a file that states none


@dataclass(frozen=True, kw_only=True)
class Track:
    """One instrument: a name, a General MIDI program (0 to 127) and whether it is the drum kit."""

    name: str = ""
    program: int = 0
    is_drum: bool = False


@dataclass(frozen=True)
class Tempo:
    """`qpm` quarter notes per minute, from `time` (seconds) on."""

    time: float
    qpm: float


@dataclass(frozen=True)
class Meter:
    """A time signature, `numerator`/`denominator`, from `time` (seconds) on."""

    time: float
    numerator: int
    denominator: int

    def __str__(self) -> str:
        return f"{self.numerator}/{self.denominator}"

    @property
    def quarters_per_bar(self) -> float:
        return self.numerator * 4 / self.denominator


@dataclass(frozen=True)
class Key:
    """A key signature from `time` (seconds) on; `tonic` is a pitch class, 0 for C to 11 for B."""

    time: float
    tonic: int
    minor: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Pedals:
    """The sustain pedals of a score (MIDI controller 64): one row an event, in any order."""

    time: np.ndarray  # (P,) float64, seconds
    track: np.ndarray  # (P,) int32, index into the tracks of the score
    down: np.ndarray  # (P,) bool, pressed or released

    def __len__(self) -> int:
        return len(self.time)


NO_PEDALS = Pedals(
    time=np.zeros(0), track=np.zeros(0, dtype=np.int32), down=np.zeros(0, dtype=np.bool_)
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Score:
    """Notes in seconds, with the tempo and meter map that relates seconds to beats.

    `tempos` always has an entry at 0.0; `meters`, `keys` and `chords` hold only what the source
    states.
    Notes end where a key is let go: how long the pedal lets them sound is `pedal.sustain`'s to say.
    """

    pitch: np.ndarray  # (N,) uint8, 0 to 127
    velocity: np.ndarray  # (N,) uint8, 0 to 127
    start: np.ndarray  # (N,) float64, seconds
    end: np.ndarray  # (N,) float64, seconds
    track: np.ndarray  # (N,) int32, index into `tracks`
    tracks: tuple[Track, ...]
    tempos: tuple[Tempo, ...] = (Tempo(0.0, DEFAULT_QPM),)
    meters: tuple[Meter, ...] = ()
    keys: tuple[Key, ...] = ()
    chords: tuple[Chord, ...] = ()
    pedals: Pedals = NO_PEDALS
    ticks_per_quarter: int = 480
    _tempo_starts: tuple[tuple[float, ...], tuple[float, ...]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        lengths = {len(c) for c in (self.pitch, self.velocity, self.start, self.end, self.track)}
        if len(lengths) > 1:
            raise InvalidMusic(f"the columns of a Score differ in length: {sorted(lengths)}")
        if not self.tempos or self.tempos[0].time != 0.0:
            raise InvalidMusic("a Score needs a tempo at 0.0 seconds")
        beats = [0.0]
        for now, after in zip(self.tempos, self.tempos[1:], strict=False):
            beats.append(beats[-1] + (after.time - now.time) * now.qpm / 60)
        seconds = tuple(t.time for t in self.tempos)
        object.__setattr__(self, "_tempo_starts", (seconds, tuple(beats)))

    def __len__(self) -> int:
        return len(self.pitch)

    @property
    def total_seconds(self) -> float:
        """When the last note ends; 0.0 without notes."""
        return float(self.end.max()) if len(self) else 0.0

    def quarters_at(self, seconds: np.ndarray | float) -> np.ndarray:
        """Seconds -> quarter notes since the start, through the tempo map."""
        if len(self.tempos) == 1:  # most music, and several times faster
            return np.asarray(seconds, dtype=np.float64) * (self.tempos[0].qpm / 60)
        times, beats = (np.array(c) for c in self._tempo_starts)
        at = np.asarray(seconds, dtype=np.float64)
        i = np.clip(np.searchsorted(times, at, side="right") - 1, 0, None)
        qpm = np.array([t.qpm for t in self.tempos])
        quarters: np.ndarray = beats[i] + (at - times[i]) * qpm[i] / 60
        return quarters

    def tempo_at(self, seconds: float) -> float:
        """The tempo in force at `seconds`, in quarter notes per minute."""
        return self.tempos[max(bisect_right(self._tempo_starts[0], seconds) - 1, 0)].qpm

    def meter_at(self, seconds: float) -> Meter:
        """The meter in force at `seconds`; 4/4 where the source states none."""
        stated = [m for m in self.meters if m.time <= seconds]
        return stated[-1] if stated else Meter(0.0, 4, 4)


@dataclass(frozen=True, eq=False, kw_only=True)
class StepScore:
    """Notes on a grid of `steps_per_quarter`, in one meter.

    Steps count from the start of the stretch of music that was quantized, which lies
    `start_seconds` into its source. `total_steps` is at least the last note's end.
    """

    pitch: np.ndarray  # (N,) uint8
    velocity: np.ndarray  # (N,) uint8
    start_step: np.ndarray  # (N,) int32
    end_step: np.ndarray  # (N,) int32, always above start_step
    track: np.ndarray  # (N,) int32
    tracks: tuple[Track, ...]
    steps_per_quarter: int = 4
    meter: Meter = Meter(0.0, 4, 4)
    qpm: float = DEFAULT_QPM
    total_steps: int = 0
    start_seconds: float = 0.0

    def __len__(self) -> int:
        return len(self.pitch)

    @property
    def steps_per_bar(self) -> float:
        """Steps in a bar: 16 for 4/4 and 12 for 3/4 and 6/8 at four steps a quarter."""
        return self.steps_per_quarter * self.meter.quarters_per_bar
