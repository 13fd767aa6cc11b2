from __future__ import annotations

import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from musicvae.notes.errors import InvalidMusic
from musicvae.notes.render import PEAK, render, to_wav
from musicvae.notes.score import Score, Track
from musicvae.notes.soundfont import SoundFont
from tests.notes.scores import A_TRIO, Row, score_of


def played(rows: list[Row], program: int = 0, drums: bool = False) -> Score:
    return score_of(rows, [Track(program=program, is_drum=drums)])


def pitch_of(sound: np.ndarray, sample_rate: int, near: float) -> float:
    """The loudest frequency within two semitones of `near`, as a MIDI pitch."""
    part = sound.mean(axis=0)[sample_rate // 8 :]
    size = 2**19
    spectrum = np.abs(np.fft.rfft(part * np.hanning(len(part)), size))
    hertz = np.fft.rfftfreq(size, 1 / sample_rate)
    pitch = 69 + 12 * np.log2(np.maximum(hertz, 1) / 440)
    return float(pitch[np.argmax(spectrum * (np.abs(pitch - near) < 2))])


def level(sound: np.ndarray, begin: float, end: float, sample_rate: int = 22050) -> float:
    """Decibels of full scale between two seconds."""
    part = sound[:, int(begin * sample_rate) : int(end * sample_rate)]
    return float(10 * np.log10(max(float((part**2).mean()), 1e-12)))


@pytest.mark.parametrize("program", [0, 24, 33, 40, 56])
@pytest.mark.parametrize("pitch", [48, 60, 69, 81])
def test_notes_are_in_tune(program: int, pitch: int) -> None:
    sound = render(played([(pitch, 100, 0.0, 1.5, 0)], program), 22050)
    assert pitch_of(sound, 22050, pitch) == pytest.approx(pitch, abs=0.1)


def test_the_sample_rate_changes_neither_pitch_nor_length() -> None:
    score = played([(69, 100, 0.0, 1.5, 0)])
    for rate in (11025, 44100, 48000):
        sound = render(score, rate)
        assert pitch_of(sound, rate, 69) == pytest.approx(69, abs=0.1)
        assert sound.shape[1] / rate == pytest.approx(1.8, abs=0.3)


def test_a_piano_fades_as_fluidsynth_plays_it() -> None:
    # Decibels lost since the first 50 ms: FluidSynth 2, the same SoundFont, no reverb or chorus.
    sound = render(played([(69, 100, 0, 2, 0)]), 44100)
    first = level(sound, 0, 0.05, 44100)
    lost = [level(sound, t, t + 0.05, 44100) - first for t in (0.25, 0.5, 0.9, 1.2, 1.9)]
    assert lost == pytest.approx([-3, -9, -21, -27, -30], abs=2.5)


def test_notes_sound_when_they_should_and_drums_ring_on() -> None:
    sound = render(played([(60, 100, 0.5, 1.0, 0), (64, 100, 2.0, 2.5, 0)], program=73), 22050)
    assert level(sound, 0.0, 0.49) < -100
    assert level(sound, 0.6, 0.9) > -25
    assert level(sound, 1.5, 1.9) < -50
    assert level(sound, 2.1, 2.4) > -25
    crash = render(played([(49, 100, 0.0, 0.05, 0)], drums=True), 22050)
    assert level(crash, 0.5, 1.0) > -45


def test_a_closed_hihat_ends_an_open_one() -> None:
    rows: list[Row] = [(46, 100, 0.0, 0.1, 0), (36, 127, 1.5, 1.6, 0)]
    rings = render(played(rows, drums=True), 22050)
    ended = render(played([*rows, (42, 10, 0.3, 0.4, 0)], drums=True), 22050)
    assert level(ended, 0.1, 0.25) == pytest.approx(level(rings, 0.1, 0.25), abs=0.5)
    assert level(ended, 0.45, 0.6) < level(rings, 0.45, 0.6) - 10


def test_louder_is_louder() -> None:
    soft, loud = (
        level(render(played([(60, 127, 0, 0.5, 0), (60, v, 2, 2.5, 0)]), 22050), 2.0, 2.5)
        for v in (40, 100)
    )
    assert loud - soft == pytest.approx(40 * np.log10(100 / 40), abs=1)


def test_the_file_is_stereo_normalised_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "trio.wav"
    to_wav(A_TRIO, path, 22050)
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 22050)
        frames = np.frombuffer(file.readframes(file.getnframes()), dtype="<i2").reshape(-1, 2)
    assert np.abs(frames.astype(int)).max() == pytest.approx(PEAK * 32767, abs=1)
    assert 3.0 < len(frames) / 22050 < 9.1
    assert np.abs(frames[-20:].astype(int)).max() <= 20  # no click at the end
    assert [p.name for p in tmp_path.iterdir()] == ["trio.wav"]


def test_notes_of_no_length_and_before_the_start() -> None:
    sound = render(played([(60, 100, 0.0, 0.0, 0), (62, 100, -0.2, 0.3, 0)]), 22050)
    assert np.abs(sound).max() == pytest.approx(PEAK)


def test_every_program_and_drum_sounds() -> None:
    rows = [(60, 100, i / 8, i / 8 + 0.1, i) for i in range(128)]
    sound = render(score_of(rows, [Track(program=i) for i in range(128)]), 8000)
    assert all(level(sound, i / 8, i / 8 + 0.12, 8000) > -75 for i in range(128))
    kit = render(played([(p, 100, p - 35, p - 34.5, 0) for p in range(35, 82)], drums=True), 8000)
    assert all(level(kit, p - 35, p - 34.5, 8000) > -75 for p in range(35, 82))


def test_what_cannot_be_rendered(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    with pytest.raises(InvalidMusic, match="nothing to hear"):
        to_wav(score_of([]), path)
    with pytest.raises(InvalidMusic, match="167 minutes"):
        to_wav(replace(A_TRIO, end=np.full(4, 10_000.0)), path)
    with pytest.raises(ValueError, match="sample rate of 10 Hz"):
        to_wav(A_TRIO, path, 10)
    with pytest.raises(ValueError, match="there is no folder"):
        to_wav(played([(60, 100, 0, 0.1, 0)]), tmp_path / "nowhere" / "x.wav", 8000)
    (tmp_path / "font.sf2").write_bytes(b"RIFF\0\0\0\0sfbk")
    with pytest.raises(InvalidMusic, match="not a SoundFont"):
        SoundFont(tmp_path / "font.sf2")
    assert [p.name for p in tmp_path.iterdir()] == ["font.sf2"]
