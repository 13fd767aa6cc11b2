"""`Score` -> sound, with no system package: symusic's synthesizer plays TimGM6mb.

TimGM6mb.sf2 is the General MIDI SoundFont that comes with pretty_midi (GPL-2, by Tim Brechbill).
"""

from __future__ import annotations

import wave
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from musicvae.notes.errors import InvalidMusic
from musicvae.notes.files import replacing
from musicvae.notes.interop import to_symusic
from musicvae.notes.score import Score

PEAK = 10 ** (-1 / 20)  # -1 dBFS: room for the overshoot of a converter between two samples
MAX_MINUTES = 60  # 1.3 GB of stereo float32 at 44,100 Hz
_SHORTEST_SECONDS = 0.01  # a note of no length still sounds
_SILENCE = 10 ** (-72 / 20)  # what lies this far below the peak at the end is cut
_FADE_SECONDS = 0.25
_PIECE = 2**20  # samples turned to 16 bits at a time


def to_wav(score: Score, path: str | Path, sample_rate: int = 44100) -> None:
    """Write the score as a 16-bit stereo WAV file, its peak at -1 dBFS, whole or not at all.

    Raises `InvalidMusic` for a score without notes or above an hour, `ValueError` where nothing
    can be written.
    """
    if not 8000 <= sample_rate <= 192_000:
        raise ValueError(f"a sample rate of {sample_rate} Hz: expected 8,000 to 192,000")
    sound = render(score, sample_rate)
    with replacing(path) as temporary, wave.open(str(temporary), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(sample_rate)
        for at in range(0, sound.shape[1], _PIECE):
            piece = np.rint(sound[:, at : at + _PIECE].T * 32767).astype("<i2")
            file.writeframes(piece.tobytes())


def render(score: Score, sample_rate: int = 44100) -> np.ndarray:
    """The score as sound: (2, samples) float32, the peak at -1 dBFS, the end faded out."""
    if not len(score) or not bool((score.velocity > 0).any()):
        raise InvalidMusic("the score has no notes: there is nothing to hear")
    if score.total_seconds > 60 * MAX_MINUTES:
        raise InvalidMusic(
            f"the score lasts {score.total_seconds / 60:.0f} minutes: at most {MAX_MINUTES} are "
            "rendered as sound"
        )
    audible = replace(score, end=np.maximum(score.end, score.start + _SHORTEST_SECONDS))
    return _finished(_synthesized(audible, sample_rate), sample_rate)


def _synthesized(score: Score, sample_rate: int) -> np.ndarray:
    from symusic import Synthesizer

    package = find_spec("pretty_midi")
    if package is None or package.origin is None:
        raise ValueError("rendering needs the SoundFont of pretty_midi: pip install pretty_midi")
    synthesizer = Synthesizer(Path(package.origin).with_name("TimGM6mb.sf2"), sample_rate)
    try:
        sound: np.ndarray = synthesizer.render(to_symusic(score), stereo=True)
    except TypeError:  # symusic 0.6.0 was built without the conversion of its sound to NumPy
        raise ValueError(
            "this version of symusic cannot give its sound back: pip install 'symusic<0.6'"
        ) from None
    return sound


def _finished(sound: np.ndarray, sample_rate: int) -> np.ndarray:
    """Silence cut from the end, the end faded, the level set."""
    loudness = np.abs(sound).max(axis=0)
    peak = float(loudness.max())
    if not peak > 0:
        raise InvalidMusic("none of the score's notes sounds in the SoundFont")
    sound = sound[:, : np.flatnonzero(loudness > peak * _SILENCE)[-1] + 1] * (PEAK / peak)
    length = min(int(_FADE_SECONDS * sample_rate), sound.shape[1])
    sound[:, sound.shape[1] - length :] *= np.linspace(1, 0, length, dtype=np.float32)
    return sound
