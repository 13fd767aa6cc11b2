"""The tables of remedies against collapse, from the result files of `collapse.py`."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import mean, stdev
from typing import Any

RESULTS = Path(__file__).parent / "results"
HEADER = (
    "",
    "updates",
    "IW-NLL",
    "better than the language model",
    "the same, prior fitted to the codes",
    "ELBO",
    "KL",
    "information of z",
    "active units",
    "perplexity",
    "steps right, told the truth",
    "BLEU of what comes back",
    "CPU minutes",
)
BASELINE = "language-model"
Run = Mapping[str, Any]


def collapse_rows(kind: str) -> Iterable[Sequence[str]]:
    """A row of the table for each remedy: means over the seeds, and their spread."""
    path = RESULTS / f"collapse-{kind}.json"
    runs: list[Run] = json.loads(path.read_text())["runs"] if path.is_file() else []
    order = sorted({(run["updates"], _place(run["row"]), run["row"]) for run in runs})
    for updates, _, name in order:
        alike = [run for run in runs if run["updates"] == updates]
        baselines = [run for run in alike if run["row"] == BASELINE]
        yield _row(name, [run for run in alike if run["row"] == name], baselines)


def _place(row: str) -> int:
    """The language model and the VAE without any remedy come first."""
    first = (BASELINE, "vae")
    return first.index(row) if row in first else len(first)


def _row(name: str, runs: Sequence[Run], baselines: Sequence[Run]) -> Sequence[str]:
    def told(key: str, form: str = ".2f") -> str:
        return _spread([run["figures"][key] for run in runs], form)

    return (
        f"{name.replace('-', ' ')} ({len(runs)})",
        f"{runs[0]['updates']:,}",
        told("iw_nll_nats"),
        *(
            "" if name == BASELINE else _spread([_gain(run, baselines, w) for run in runs], "+.2f")
            for w in ("iw", "fitted_prior_iw")
        ),
        told("elbo_nats"),
        told("kl_nats"),
        told("mutual_information_nats"),
        told("active_units", ".0f"),
        told("perplexity_iw", ".1f"),
        told("teacher", ".3f"),
        told("bleu_greedy", ".1f"),
        _spread([run["training_cpu_seconds"] / 60 for run in runs], ".1f"),
    )


def _gain(run: Run, baselines: Sequence[Run], way: str) -> float:
    """Nats a sequence that a run is better than the baselines of all seeds, on the sequences that
    all of them were measured on."""
    ours = run["figures"][f"{way}_log_likelihoods"]
    theirs = [mean(b["figures"]["iw_log_likelihoods"]) for b in baselines]
    return mean(ours) - mean(theirs) if theirs else math.nan


def _spread(values: Sequence[float], form: str) -> str:
    """The mean, and the standard deviation of single runs where there are several."""
    said = format(mean(values), form)
    return said if len(values) == 1 else f"{said} ± {format(stdev(values), form.lstrip('+'))}"
