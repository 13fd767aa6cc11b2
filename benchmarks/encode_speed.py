"""How much faster than the reference are MIDI files turned into tokens, parsing included?

    python benchmarks/encode_speed.py FOLDER [--rounds 3]

CPU time a file on one core, in one run: note-seq's `midi_file_to_note_sequence` and each of our
encoders, strict and lenient, take turns file by file; of `rounds` times the median counts.

The reference's converters need a TensorFlow of their time and are not run here. Theirs are the
times once measured on 335 such files of which these are a part, scaled by the ratio of note-seq's
parse times here and there. Only the medians of the converters over all files are known, so that the
reference's totals, and with them the ratios of totals, are underestimated.
"""

from __future__ import annotations

import argparse
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from common import save_result

from musicvae.notes.midi import read_midi
from musicvae.presets import PRESETS

BAR = 20  # times as fast as the reference
PARSE_MEDIAN, PARSE_MEAN = 3.65, 9.4  # ms of the reference a file, then
# Preset -> median ms of the reference's converter a file, then.
ENCODERS = {
    "cat-mel_2bar_big": 0.99,
    "melody-2bar": 0.99,
    "melody-2bar-anymeter": 0.99,
    "hierdec-mel_16bar": 0.97,
    "melody-16bar": 0.97,
    "cat-mel_2bar_med_chords": 403.0,
    "melody-2bar-chords": 403.0,
    "cat-drums_2bar_small": 0.73,
    "nade-drums_2bar_full": 0.73,
    "drums-2bar": 0.73,
    "hierdec-trio_16bar": 0.87,
    "trio-16bar": 0.87,
    "groovae_4bar": 0.6,
    "groove-2bar-humanize": 0.6,
    "hier-multiperf_vel_1bar_med": 2.2,
    "multitrack-1bar": 2.2,
    "hier-multiperf_vel_1bar_med_chords": 419.0,
}


def milliseconds(call: Callable[[], object], rounds: int) -> float:
    """The median CPU time of a call."""
    times = []
    for _ in range(rounds):
        began = time.process_time_ns()
        call()
        times.append(time.process_time_ns() - began)
    return statistics.median(times) / 1e6


def measure(files: list[Path], rounds: int) -> dict[str, list[float]]:
    """CPU milliseconds of note-seq's parser, of ours and of each encoder, for each file."""
    from note_seq import midi_file_to_note_sequence

    representations = {name: PRESETS[name].representation for name in ENCODERS}
    calls: dict[str, Callable[[Path], object]] = {"note_seq": midi_file_to_note_sequence}
    calls["read"] = read_midi
    for name, representation in representations.items():
        calls[name] = lambda file, r=representation: r.tokenize(read_midi(file))
    for call in calls.values():  # imports and first calls do not count
        call(files[0])
    times: dict[str, list[float]] = {name: [] for name in calls}
    for file in files:
        for name, call in calls.items():
            times[name].append(milliseconds(lambda c=call, f=file: c(f), rounds))
    return times


def ratios(times: dict[str, list[float]]) -> list[dict[str, Any]]:
    """Each encoder's times, and how often they go into the reference's."""
    median, mean = statistics.median(times["note_seq"]), statistics.fmean(times["note_seq"])
    rows = []
    for name, converter in ENCODERS.items():
        ours = statistics.median(times[name]), statistics.fmean(times[name])
        theirs = median + converter * median / PARSE_MEDIAN, mean + converter * mean / PARSE_MEAN
        row = {
            "encoder": name,
            "median_ms": round(ours[0], 3),
            "mean_ms": round(ours[1], 3),
            "reference_median_ms": round(theirs[0], 2),
            "reference_mean_ms": round(theirs[1], 2),
            "times_faster_median": round(theirs[0] / ours[0], 1),
            "times_faster_total": round(theirs[1] / ours[1], 1),
        }
        rows.append(row)
        print(row)
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")  # what note-seq's dependencies look for and do not find
    files = sorted(arguments.folder.rglob("*.mid"))
    times = measure(files, arguments.rounds)
    rows = ratios(times)
    least = min(row["times_faster_median"] for row in rows)
    missed = [
        r["encoder"] for r in rows if min(r["times_faster_median"], r["times_faster_total"]) < BAR
    ]
    parsed = {name: round(statistics.median(times[name]), 3) for name in ("note_seq", "read")}
    result = {
        "question": "MIDI files to tokens, parsing included: each encoder and the reference's",
        "answer": f"median file {least} to {max(r['times_faster_median'] for r in rows)} times as "
        f"fast; {len(missed)} of {len(rows)} encoders below {BAR} times ({len(files)} files)",
        "reference": "note-seq's parser measured here; converters as published, scaled by the "
        "ratio of its parse times here and there",
        "files": len(files),
        "rounds": arguments.rounds,
        "median_parse_ms": parsed,
        "parse_ratio_here_to_there": {
            "median": round(parsed["note_seq"] / PARSE_MEDIAN, 2),
            "mean": round(statistics.fmean(times["note_seq"]) / PARSE_MEAN, 2),
        },
        "bar": BAR,
        "missed": missed,
        "encoders": rows,
    }
    print(result["answer"], parsed)
    save_result("encode_speed", result, ("numpy", "note-seq", "pretty_midi"))


if __name__ == "__main__":
    main()
