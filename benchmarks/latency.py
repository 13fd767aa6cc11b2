"""How long does a person wait, from command to file?

    python benchmarks/latency.py [A.mid B.mid] [--model melody-2bar] [--runs 5] [--name latency]

Each command is started anew, as in a shell, and the wall-clock time until it has ended is taken;
the medians of `runs` are reported. Without files, the first two tunes of `data/samples`.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from common import ROOT, save_result

# What the installed `musicvae` does, with this interpreter.
MUSICVAE = [sys.executable, "-c", "from musicvae.cli.app import main; main()"]

WORDS = {
    "help": "`musicvae --help`",
    "interpolate": "`interpolate` to MIDI",
    "demo": "to MIDI, picture and sound",
}


def seconds(arguments: list[str]) -> float:
    """Of one run, which must succeed."""
    began = time.perf_counter()
    done = subprocess.run(
        [*MUSICVAE, *arguments], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"musicvae {' '.join(arguments)} failed: {done.stderr.strip()}")
    return time.perf_counter() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", nargs="*", metavar="FILE.mid")
    parser.add_argument("--model", default="melody-2bar")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--name", default="latency")
    asked = parser.parse_args()
    samples = sorted((ROOT / "data" / "samples").glob("*.mid"))
    a, b = asked.files or [str(path) for path in samples[:2]]
    result = {}
    with tempfile.TemporaryDirectory() as folder:
        morph = Path(folder) / "morph.mid"
        interpolate = ["interpolate", a, b, "-o", str(morph), "--model", asked.model]
        picture, sound = (str(morph.with_suffix(suffix)) for suffix in (".png", ".wav"))
        demo = [*interpolate, "--plot", picture, "--wav", sound]
        commands = {"help": ["--help"], "interpolate": interpolate, "demo": demo}
        for name, arguments in commands.items():
            times = [seconds(arguments) for _ in range(asked.runs)]
            result[name] = {
                "median_seconds": round(statistics.median(times), 3),
                "seconds": [round(t, 3) for t in times],
            }
            print(name, result[name], flush=True)
        size = morph.stat().st_size
    save_result(
        asked.name,
        {
            "question": "from command to file",
            "answer": "; ".join(
                f"{words} {result[name]['median_seconds']:.2f} s" for name, words in WORDS.items()
            ),
            "model": asked.model,
            "files": [Path(a).name, Path(b).name],
            "morph_bytes": size,
            **result,
        },
        packages=("torch", "numpy", "typer", "symusic"),
    )


if __name__ == "__main__":
    main()
