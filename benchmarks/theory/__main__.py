"""Run the sections of docs/theory.md: see the package's docstring."""

from __future__ import annotations

import argparse
from pathlib import Path

import torch

from benchmarks.common import RESULTS, ROOT
from benchmarks.theory import autoencoder, densities, gradients, outliers, ppca, rate
from benchmarks.theory.setting import Setting

SECTIONS = {
    "ppca": ppca.run,
    "gradients": gradients.run,
    "autoencoder": autoencoder.run,
    "density": densities.run,
    "outliers": outliers.run,
    "rate": rate.run,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.theory", description=__doc__)
    parser.add_argument("--data-melody", type=Path, help="a dataset of two-bar melodies")
    parser.add_argument("--data-text", type=Path, help="a dataset of sentences")
    parser.add_argument("--quick", action="store_true", help="short, on what is shipped here")
    parser.add_argument("--only", choices=SECTIONS, nargs="+", default=list(SECTIONS))
    parser.add_argument("--runs", type=Path, default=ROOT / "runs", help="keeps trained models")
    parser.add_argument("--threads", type=int, default=1)
    asked = parser.parse_args()
    if not asked.quick and not (asked.data_melody and asked.data_text):
        parser.error("give --data-melody and --data-text (musicvae prepare makes them), or --quick")
    torch.set_num_threads(asked.threads)
    quick = asked.runs / "theory-quick"
    setting = Setting(
        quick=asked.quick,
        results=quick if asked.quick else RESULTS,
        figures=quick if asked.quick else ROOT / "docs" / "figures",
        models=quick if asked.quick else asked.runs / "theory",
        melodies=asked.data_melody,
        texts=asked.data_text,
    )
    for name in asked.only:
        print(f"{name} ...", flush=True)
        torch.manual_seed(0)
        SECTIONS[name](setting)


if __name__ == "__main__":
    main()
