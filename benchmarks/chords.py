"""Are inferred chords note-seq's, and how much faster are they found?

    python benchmarks/chords.py FOLDER [--files 1000] [--name chords]

Both infer the chords of the same MIDI files on one core in one run, taking turns file by file.
Reading, cutting at changes of tempo and meter and putting notes on the grid come before and do not
count; stretches in a meter for which note-seq infers no chords are left out. A bar is equal if all
its chords are.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
from common import save_result

from musicvae.notes.chord_inference import (
    CHORDS_PER_BAR,
    MOST_FRAMES,
    SYMBOLS,
    likeliest,
    pitch_class_weights,
    pitched,
)
from musicvae.notes.errors import InvalidMusic, Rejected
from musicvae.notes.interop import to_note_sequence
from musicvae.notes.midi import read_midi
from musicvae.notes.quantize import quantize
from musicvae.notes.score import Score, StepScore
from musicvae.notes.transform import split_at_time_changes


def pieces_of(file: Path) -> list[tuple[Score, StepScore]]:
    """The stretches of a file for which note-seq infers chords."""
    found = []
    for piece in split_at_time_changes(read_midi(file)):
        try:
            steps = quantize(piece)
        except Rejected:
            continue
        known = (steps.meter.numerator, steps.meter.denominator) in CHORDS_PER_BAR
        if len(piece) and known and frames_of(piece, steps)[0] <= MOST_FRAMES:
            found.append((piece, steps))
    return found


def frames_of(piece: Score, steps: StepScore) -> tuple[int, float, int]:
    """How many chords are to be inferred, the seconds and the number in a bar of each."""
    per_bar = CHORDS_PER_BAR[steps.meter.numerator, steps.meter.denominator]
    seconds = steps.steps_per_bar / per_bar / (steps.steps_per_quarter * steps.qpm / 60)
    return math.ceil(piece.total_seconds / seconds), seconds, per_bar


def note_seq_chords(sequence: Any, frames: int, seconds: float) -> tuple[list[str], float]:
    """Its chord in each frame, and the CPU seconds it took."""
    from note_seq import chord_inference

    began = time.process_time()
    chord_inference.infer_chords_for_sequence(sequence)
    took = time.process_time() - began
    at = np.array([round(a.time / seconds) for a in sequence.text_annotations])
    last = np.searchsorted(at, np.arange(frames), side="right") - 1
    return [sequence.text_annotations[i].text for i in last], took


def our_chords(piece: Score, frames: int, seconds: float) -> tuple[list[str], float]:
    """Our chord in each frame, and the CPU seconds it took."""
    began = time.process_time()
    rows = pitched(piece)
    weights = pitch_class_weights(
        piece.pitch[rows], piece.start[rows], piece.end[rows], seconds * np.arange(1, frames)
    )
    chords = [SYMBOLS[c] for c in likeliest(weights)[1]]
    return chords, time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--name", default="chords", help="of the result file")
    arguments = parser.parse_args()
    from note_seq import quantize_note_sequence

    files = sorted(arguments.folder.rglob("*.mid"))
    random.Random(0).shuffle(files)
    bars = equal = used = 0
    seconds = {"note_seq": 0.0, "ours": 0.0}
    likeliest(np.eye(12)[:2])  # the model is made once in a process
    for file in files[: arguments.files]:
        try:
            pieces = pieces_of(file)
        except InvalidMusic:
            continue
        used += bool(pieces)
        for piece, steps in pieces:
            frames, length, per_bar = frames_of(piece, steps)
            sequence = quantize_note_sequence(to_note_sequence(piece), steps_per_quarter=4)
            theirs, took = note_seq_chords(sequence, frames, length)
            ours, took_us = our_chords(piece, frames, length)
            seconds["note_seq"] += took
            seconds["ours"] += took_us
            same = np.array([a == b for a, b in zip(theirs, ours, strict=True)])
            by_bar = np.logical_and.reduceat(same, np.arange(0, frames, per_bar))
            bars, equal = bars + len(by_bar), equal + int(by_bar.sum())
    ratio = round(seconds["note_seq"] / seconds["ours"], 1)
    milliseconds = {name: round(1000 * s / used, 2) for name, s in seconds.items()}
    result = {
        "question": "are inferred chords those of note-seq, and how much faster are they found?",
        "answer": f"{equal} of {bars} bars equal, {ratio} times as fast ({used} files)",
        "files": used,
        "bars": bars,
        "equal_bars": equal,
        "milliseconds_per_file": milliseconds,
        "times_faster_than_note_seq": ratio,
    }
    print(result["answer"], milliseconds)
    save_result(arguments.name, result, ("numpy", "note-seq"))


if __name__ == "__main__":
    main()
