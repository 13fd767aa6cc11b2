"""How much faster is `prepare` than reading and extracting with note-seq?

    python benchmarks/prepare_speed.py FOLDER [--files 1000] [--name prepare_speed]

Both read the same MIDI files on one core in one run, taking turns chunk by chunk, so that whatever
else the machine does burdens both. note-seq's part is what the reference does for 2-bar melodies:
`midi_file_to_note_sequence`, split at time changes, quantize, `Melody.from_quantized_sequence` for
every instrument from bar to bar, windows of two bars, duplicates removed. Ours is `prepare` as
users run it, dataset and all, with the reference's extraction and with our default one.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from common import save_result

from musicvae.representations.melody import Melody, Strict
from musicvae.training.prepare import prepare

STEPS_PER_BAR = 16
TURN = 250  # files a turn


def note_seq_windows(path: str) -> set[tuple[int, ...]]:
    """The reference's two-bar windows of a file, with note-seq's functions."""
    import note_seq
    from note_seq import sequences_lib

    found: set[tuple[int, ...]] = set()
    sequence = note_seq.midi_file_to_note_sequence(path)
    for piece in sequences_lib.split_note_sequence_on_time_changes(sequence):
        quantized = sequences_lib.quantize_note_sequence(piece, steps_per_quarter=4)
        if sequences_lib.steps_per_bar_in_quantized_sequence(quantized) != STEPS_PER_BAR:
            continue
        for melody in note_seq_melodies(quantized):
            events = list(melody)
            for end in range(2 * STEPS_PER_BAR, len(events) + 1, STEPS_PER_BAR):
                found.add(tuple(events[end - 2 * STEPS_PER_BAR : end]))
    return found


def note_seq_melodies(quantized: Any) -> Iterator[Any]:
    from note_seq import melodies_lib

    for instrument in {note.instrument for note in quantized.notes}:
        start = 0
        while True:
            melody = melodies_lib.Melody()
            melody.from_quantized_sequence(
                quantized,
                search_start_step=start,
                instrument=instrument,
                gap_bars=1,
                ignore_polyphonic_notes=True,
                pad_end=True,
            )
            if not len(melody):
                break
            yield melody
            start = melody.end_step + -melody.end_step % STEPS_PER_BAR


def time_note_seq(files: list[str]) -> float:
    """CPU seconds for `files`."""
    began = time.process_time()
    for file in files:
        note_seq_windows(file)
    return time.process_time() - began


def time_prepare(files: list[str], representation: Melody) -> float:
    """CPU seconds for `files`, from paths to a dataset on disk."""
    with tempfile.TemporaryDirectory() as out:
        began = time.process_time()
        prepare(files, out, representation, workers=1)
        return time.process_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--files", type=int, default=1000)
    parser.add_argument("--name", default="prepare_speed", help="of the result file")
    arguments = parser.parse_args()
    files = sorted(map(str, arguments.folder.rglob("*.mid")))
    random.Random(0).shuffle(files)
    files = files[: arguments.files]
    ours = {"default": Melody(), "strict": Melody(extraction=Strict())}
    seconds = dict.fromkeys(["note_seq", *ours], 0.0)
    # A process each, as users have them: neither pays for what the other keeps in memory.
    spawn = get_context("spawn")
    with ProcessPoolExecutor(1, spawn) as theirs, ProcessPoolExecutor(1, spawn) as own:
        theirs.submit(time_note_seq, files[:3]).result()  # imports and first calls do not count
        own.submit(time_prepare, files[:3], Melody()).result()
        for start in range(0, len(files), TURN):
            turn = files[start : start + TURN]
            seconds["note_seq"] += theirs.submit(time_note_seq, turn).result()
            for name, representation in ours.items():
                seconds[name] += own.submit(time_prepare, turn, representation).result()
    milliseconds = {name: round(1000 * s / len(files), 3) for name, s in seconds.items()}
    ratios = {name: round(seconds["note_seq"] / seconds[name], 1) for name in ours}
    size = sum(Path(f).stat().st_size for f in files) / len(files) / 1e3
    result = {
        "question": f"CPU time to turn MIDI files of {size:.0f} kB into 2-bar melodies",
        "answer": f"{milliseconds['default']} ms a file, {ratios['default']} times as fast as "
        f"note-seq; strict {ratios['strict']} times ({len(files)} files)",
        "files": len(files),
        "kilobytes_per_file": round(size, 1),
        "milliseconds_per_file": milliseconds,
        "times_faster_than_note_seq": ratios,
    }
    print(milliseconds, ratios)
    save_result(arguments.name, result, ("numpy", "note-seq", "pretty_midi"))


if __name__ == "__main__":
    main()
