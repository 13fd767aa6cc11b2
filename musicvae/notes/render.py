"""`Score` -> sound, in NumPy alone, with the instruments of TimGM6mb.

TimGM6mb.sf2 is the General MIDI SoundFont that comes with pretty_midi (GPL-2, by Tim Brechbill).
Every note is its recording at the right speed, through a low-pass filter and an envelope.
"""

from __future__ import annotations

import wave
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from musicvae.notes.errors import InvalidMusic
from musicvae.notes.files import replacing
from musicvae.notes.score import Score
from musicvae.notes.soundfont import SoundFont, Zone

PEAK = 10 ** (-1 / 20)  # -1 dBFS: room for the overshoot of a converter between two samples
MAX_MINUTES = 30  # 0.6 GB of stereo float32 at 44,100 Hz
_SHORTEST_SECONDS = 0.02  # a note of no length still sounds
_CLICKLESS_SECONDS = 0.006  # the least attack and release
_SILENT_DB = 72.0
_TAIL_SECONDS = 6.0  # the longest that a note sounds on after its end
_END = 10 ** (-66 / 20)  # what lies this far below the peak at the end is cut
_FADE_SECONDS = 0.25
_NO_FILTER_HZ = 16_000.0
_MOST_SOUNDS = 256  # kept for when the same key is played again
_PIECE = 2**20  # samples turned to 16 bits at a time


def to_wav(score: Score, path: str | Path, sample_rate: int = 44100) -> None:
    """Write the score as a 16-bit stereo WAV file, its peak at -1 dBFS, whole or not at all.

    Raises `InvalidMusic` for a score without notes or of more than half an hour, `ValueError`
    where nothing can be written.
    """
    if not 8000 <= sample_rate <= 192_000:
        raise ValueError(f"a sample rate of {sample_rate} Hz: expected 8,000 to 192,000")
    sound = render(score, sample_rate)
    with replacing(path) as temporary, temporary.open("wb") as raw, wave.open(raw, "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        for at in range(0, sound.shape[1], _PIECE):
            piece = np.rint(sound[:, at : at + _PIECE].T * 32767).astype("<i2")
            file.writeframes(piece.tobytes())


def render(score: Score, sample_rate: int = 44100) -> np.ndarray:
    """The score as sound: (2, samples) float32, the peak at -1 dBFS, the end faded out."""
    if not bool((score.velocity > 0).any()):
        raise InvalidMusic("the score has no notes: there is nothing to hear")
    if score.total_seconds > 60 * MAX_MINUTES:
        raise InvalidMusic(
            f"the score lasts {score.total_seconds / 60:.0f} minutes: at most {MAX_MINUTES} are "
            "rendered as sound"
        )
    voices = _voices(score, _font())
    length = score.total_seconds + _SHORTEST_SECONDS + _TAIL_SECONDS
    mix = np.zeros((2, int(length * sample_rate) + 1), dtype=np.float32)
    sounds: _Sounds = {}
    for voice in voices:
        _add(mix, voice, sample_rate, sounds)
    return _finished(mix, sample_rate)


@dataclass(frozen=True, kw_only=True)
class _Voice:
    """One recording sounding for one note; times in seconds."""

    zone: Zone
    key: int
    gain: float
    start: float
    seconds: float  # until the key is let go
    until: float  # when another note of its exclusive class cuts it


def _font() -> SoundFont:
    package = find_spec("pretty_midi")
    if package is None or package.origin is None:
        raise ValueError("rendering needs the SoundFont of pretty_midi: pip install pretty_midi")
    return SoundFont(Path(package.origin).with_name("TimGM6mb.sf2"))


def _voices(score: Score, font: SoundFont) -> list[_Voice]:
    """The voices of all notes, from the last to the first."""
    voices: list[_Voice] = []
    cuts: dict[tuple[int, int], tuple[float, float]] = {}  # the two next onsets of a class
    for row in np.argsort(score.start, kind="stable")[::-1].tolist():
        velocity, key = int(score.velocity[row]), int(score.pitch[row])
        start, end = max(float(score.start[row]), 0.0), float(score.end[row])
        track = score.tracks[score.track[row]]
        if not velocity:
            continue
        for zone in font.zones(
            program=track.program, drums=track.is_drum, key=key, velocity=velocity
        ):
            family = (int(score.track[row]), zone.exclusive)
            next_onset, after = cuts.get(family, (np.inf, np.inf))
            if start < next_onset:
                next_onset, after = start, next_onset
                cuts[family] = (next_onset, after)
            voices.append(
                _Voice(
                    zone=zone,
                    key=key,
                    gain=zone.gain * (velocity / 127) ** 2,  # the standard's 40 dB a decade
                    start=start,
                    seconds=max(end - start, _SHORTEST_SECONDS),
                    until=after if zone.exclusive else np.inf,
                )
            )
    return voices


_Sounds = dict[tuple[Zone, int], np.ndarray]  # what was played before, by recording and key


def _add(mix: np.ndarray, voice: _Voice, sample_rate: int, sounds: _Sounds) -> None:
    """Add a voice to the mix."""
    zone, at = voice.zone, int(voice.start * sample_rate)
    step = zone.rate(voice.key) / sample_rate
    length = mix.shape[1] - at
    if zone.loop is None:
        length = min(length, max(int((zone.length - 1) / step), 1))
    envelope = _envelope(voice, sample_rate, length)
    sound = sounds.get((zone, voice.key), envelope[:0])
    if len(sound) < len(envelope):
        sound = _played(zone, step, len(envelope))
        sound = _filtered(sound, zone.cutoff_hz / sample_rate)
        if len(sounds) >= _MOST_SOUNDS:
            sounds.clear()
        sounds[zone, voice.key] = sound
    sound = sound[: len(envelope)] * envelope
    angle = (voice.zone.pan + 0.5) * np.pi / 2  # equal power from left to right
    mix[0, at : at + len(sound)] += np.float32(np.cos(angle)) * sound
    mix[1, at : at + len(sound)] += np.float32(np.sin(angle)) * sound


def _played(zone: Zone, step: float, length: int) -> np.ndarray:
    """`length` samples of sound, `step` samples of the recording apart."""
    at = np.arange(length) * step
    if zone.loop is not None:
        first, last = zone.loop
        at = np.where(at < last, at, first + (at - first) % (last - first))
    whole = at.astype(np.int64)
    part = (at - whole).astype(np.float32)
    here = zone.samples[whole]
    return np.asarray(here + part * (zone.samples[whole + 1] - here))


def _filtered(sound: np.ndarray, cutoff: float) -> np.ndarray:
    """A low-pass of second order (Butterworth) at `cutoff` of the sample rate."""
    if cutoff * 44100 >= _NO_FILTER_HZ or cutoff >= 0.5:
        return sound
    unit = 1 << max((len(sound) + 1024).bit_length() - 4, 0)
    size = -(-(len(sound) + 1024) // unit) * unit  # a few times a power of two: a fast transform
    ratio = np.arange(size // 2 + 1, dtype=np.float32) / np.float32(size * cutoff)
    response = 1 / (1 - ratio**2 + np.complex64(1j * np.sqrt(2)) * ratio)
    return np.fft.irfft(np.fft.rfft(sound, size) * response, size)[: len(sound)].astype(np.float32)


def _envelope(voice: _Voice, sample_rate: int, longest: int) -> np.ndarray:
    """The voice's loudness, at most `longest` samples: attack, hold, decay to sustain, release.

    All but the attack are straight lines in decibels.
    """
    zone = voice.zone
    held = min(voice.seconds, voice.until - voice.start)
    release = _CLICKLESS_SECONDS if voice.until < voice.start + voice.seconds else zone.release
    attack = max(zone.attack, _CLICKLESS_SECONDS)
    decay = max(zone.decay, _CLICKLESS_SECONDS) / 100  # seconds a decibel
    release = max(release, _CLICKLESS_SECONDS) / 100
    peak = attack + zone.hold
    let_go = min(max((held - peak) / decay, 0.0), zone.sustain_db)  # decibels below the peak
    rings = held + min(max(_SILENT_DB - let_go, 0) * release, _TAIL_SECONDS)
    length = int(min(rings, voice.until - voice.start + _CLICKLESS_SECONDS) * sample_rate) + 1
    t = np.arange(min(length, longest), dtype=np.float32) / np.float32(sample_rate)
    down = np.minimum(np.maximum(t - peak, 0) / decay, zone.sustain_db)
    ending = int(np.searchsorted(t, held))
    down[ending:] = let_go + (t[ending:] - held) / release
    level: np.ndarray = np.exp(down * np.float32(-np.log(10) / 20))
    level *= np.float32(voice.gain)
    rising = int(np.searchsorted(t, min(held, attack)))
    level[:rising] *= t[:rising] / attack
    level[rising:] *= min(held / attack, 1)
    fade = min(len(t), int(_CLICKLESS_SECONDS * sample_rate))
    level[len(t) - fade :] *= np.linspace(1, 0, fade)
    return level


def _finished(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """Silence cut from the end, the end faded, the level set."""
    loudness = np.abs(sound).max(axis=0)
    peak = float(loudness.max())
    if not peak > 0:
        raise InvalidMusic("none of the score's notes sounds in the SoundFont")
    sound = sound[:, : np.flatnonzero(loudness > peak * _END)[-1] + 1] * np.float32(PEAK / peak)
    length = min(int(_FADE_SECONDS * sample_rate), sound.shape[1])
    sound[:, sound.shape[1] - length :] *= np.linspace(1, 0, length, dtype=np.float32)
    return sound
