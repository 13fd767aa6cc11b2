"""Seconds to steps of a grid, and back.

The rule is the reference's (note-seq, `quantize_note_sequence`): a time is multiplied by the steps
per second, 0.5 is added and the fraction is cut off, so that halves round up; a note of no length
lasts one step. `quantize` holds to it for a stretch in one tempo and one meter. `quantize_to_beats`
goes through the tempo map instead and takes any score.
"""

from __future__ import annotations

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.score import Meter, Score, StepScore, Tempo

STEPS_PER_QUARTER = 4  # sixteenths, the grid of every published melody, drum and trio model

# Ticks -> seconds -> quarters loses some 1e-12 of a step; a half step must not fall on either side
# by such an accident. Far below a MIDI tick (at 960 ticks a quarter: 4e-3 steps).
_SLACK_STEPS = 1e-6


def quantize(score: Score, steps_per_quarter: int = STEPS_PER_QUARTER) -> StepScore:
    """One stretch of music, in one tempo and one meter -> the same notes in order, on the grid.

    Raises `Rejected`: "several-tempos" and "several-meters" (cut the score with
    `transform.split_at_time_changes` first), "invalid-meter" (a denominator that is no power of
    two), "negative-time".
    """
    qpm, meter = _only_tempo(score), _only_meter(score)
    steps_per_second = steps_per_quarter * qpm / 60
    start = _to_steps(score.start * steps_per_second)
    end = _to_steps(score.end * steps_per_second)
    if len(score) and min(int(start.min()), int(end.min())) < 0:
        raise Rejected("negative-time", "a note lies before the start of the music (time 0)")
    return _on_grid(score, start, end, meter=meter, qpm=qpm, steps_per_quarter=steps_per_quarter)


def quantize_to_beats(score: Score, steps_per_quarter: int = STEPS_PER_QUARTER) -> StepScore:
    """Any score -> its notes on the grid of its own beats: changes of tempo do not matter.

    Steps count quarter notes through the tempo map. `qpm` and `meter` of the result are those at
    the start of the score; later changes of meter stay with the caller.
    """
    start = quarters_to_steps(score.quarters_at(score.start), steps_per_quarter)
    end = quarters_to_steps(score.quarters_at(score.end), steps_per_quarter)
    return _on_grid(
        score,
        np.maximum(start, 0),
        np.maximum(end, 0),
        meter=score.meter_at(0.0),
        qpm=score.tempos[0].qpm,
        steps_per_quarter=steps_per_quarter,
    )


def to_seconds(steps: StepScore) -> Score:
    """Notes on the grid -> a score in seconds that starts at 0.0, in the same tempo and meter."""
    seconds_per_step = 60 / steps.qpm / steps.steps_per_quarter
    return Score(
        pitch=steps.pitch,
        velocity=steps.velocity,
        start=steps.start_step * seconds_per_step,
        end=steps.end_step * seconds_per_step,
        track=steps.track,
        tracks=steps.tracks,
        tempos=(Tempo(0.0, steps.qpm),),
        meters=(Meter(0.0, steps.meter.numerator, steps.meter.denominator),),
    )


def quarters_to_steps(quarters: np.ndarray, steps_per_quarter: int) -> np.ndarray:
    """Quarter notes -> the nearest steps (int64); halves round up."""
    steps: np.ndarray = np.floor(quarters * steps_per_quarter + (0.5 + _SLACK_STEPS))
    return steps.astype(np.int64)


def seconds_at(score: Score, quarters: np.ndarray) -> np.ndarray:
    """Quarter notes since the start -> seconds: `Score.quarters_at` turned round."""
    times = np.array([t.time for t in score.tempos])
    qpm = np.array([t.qpm for t in score.tempos])
    beats = score.quarters_at(times)
    i = np.clip(np.searchsorted(beats, quarters, side="right") - 1, 0, None)
    seconds: np.ndarray = times[i] + (quarters - beats[i]) * 60 / qpm[i]
    return seconds


def _to_steps(steps: np.ndarray) -> np.ndarray:
    return (steps + 0.5).astype(np.int64)  # cuts off towards 0, as the reference does


def _on_grid(
    score: Score,
    start: np.ndarray,
    end: np.ndarray,
    *,
    meter: Meter,
    qpm: float,
    steps_per_quarter: int,
) -> StepScore:
    end = np.maximum(end, start + 1)
    return StepScore(
        pitch=score.pitch,
        velocity=score.velocity,
        start_step=start.astype(np.int32),
        end_step=end.astype(np.int32),
        track=score.track,
        tracks=score.tracks,
        steps_per_quarter=steps_per_quarter,
        meter=meter,
        qpm=qpm,
        total_steps=int(end.max()) if len(end) else 0,
    )


def _only_tempo(score: Score) -> float:
    tempos = list(dict.fromkeys(t.qpm for t in score.tempos))
    if len(tempos) > 1:
        raise Rejected(
            "several-tempos",
            f"the music has {len(tempos)} tempos and one is expected: "
            "split it at its time changes first",
        )
    return tempos[0]


def _only_meter(score: Score) -> Meter:
    stated = list(dict.fromkeys((m.numerator, m.denominator) for m in score.meters))
    late = bool(score.meters) and score.meters[0].time > 0 and stated[0] != (4, 4)
    if len(stated) > 1 or late:
        names = ", ".join(f"{n}/{d}" for n, d in [(4, 4)] * late + stated)
        raise Rejected(
            "several-meters",
            f"the music changes its meter ({names}) and one is expected: "
            "split it at its time changes first",
        )
    numerator, denominator = stated[0] if stated else (4, 4)
    if numerator < 1 or denominator < 1 or denominator & (denominator - 1):
        raise Rejected("invalid-meter", f"{numerator}/{denominator} is not a meter")
    return Meter(0.0, numerator, denominator)
