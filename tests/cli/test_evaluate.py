"""`evaluate`: what is asked for, what is printed, what is written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from musicvae.notes.midi import write_midi
from tests.cli.conftest import Run
from tests.notes.scores import score_of


@pytest.fixture
def dataset(run: Run, tmp_path: Path) -> Path:
    """A few made-up tunes, prepared."""
    (tmp_path / "songs").mkdir()
    for k in range(9):
        rows = [(50 + k + i * (k + 2) % 13, 80, i * 0.5, i * 0.5 + 0.5, 0) for i in range(32)]
        write_midi(score_of(rows), tmp_path / "songs" / f"{k}.mid")
    assert run("prepare", tmp_path / "songs", "-o", tmp_path / "data", "--workers", 1).code == 0
    return tmp_path / "data"


def test_what_a_sequence_costs_is_printed(run: Run, tiny: Path, dataset: Path) -> None:
    words = ("evaluate", "--data", dataset, "--model", tiny, "--split", "train", "--limit", 4)
    figures = json.loads(run(*words, "--json").out)["figures"]
    done = run(*words)
    assert (done.code, done.err) == (0, "")
    rows = [line.rsplit(maxsplit=4) for line in done.out.splitlines() if line]
    (elbo,) = [row[1:] for row in rows if row[0].startswith("both together (ELBO)")]
    units = ("elbo_nats", "elbo_bits", "elbo_bits_per_step")
    expected = [-figures[name] for name in units] + [figures["perplexity_elbo"]]
    assert [float(n.replace(",", "")) for n in elbo] == pytest.approx(expected, abs=0.01)
    assert f"{figures['bleu_greedy']:.1f}  BLEU of what comes back" in done.out
    assert f"{figures['mutual_information_nats']:.2f}  nats that z says about which" in done.out
    assert "importance" not in done.out
    assert not any(name.startswith("iw_") for name in figures)


def test_importance_weighting_is_done_where_it_is_asked_for(
    run: Run, tiny: Path, dataset: Path, tmp_path: Path
) -> None:
    words = ("evaluate", "--data", dataset, "--model", tiny, "--split", "train", "--limit", 4)
    asked = ("--importance", 5, "--prior-share", 0.4, "-o", tmp_path / "r.json")
    done = run(*words, *asked)
    assert (done.code, done.err) == (0, "")
    written = json.loads((tmp_path / "r.json").read_text())
    figures = written["figures"]
    assert (written["importance"], written["prior_share"]) == (5, 0.4)
    assert figures["iw_samples"] == 5
    low, high = figures["iw_nll_nats_low"], figures["iw_nll_nats_high"]
    said = f"With 5 samples of z each; 95 % interval {low:,.2f} to {high:,.2f} nats."
    assert said in done.out
    assert f"{figures['perplexity_iw']:,.2f}" in done.out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--importance", "-1"], "--importance is 0 or more, not -1"),
        (
            ["--importance", "5", "--prior-share", "1"],
            "--prior-share is from 0 to below 1, not 1.0",
        ),
        (["--prior-share", "0.5"], "the samples of --importance K"),
    ],
)
def test_what_makes_no_sense_is_refused(options: list[str], words: str, run: Run) -> None:
    done = run("evaluate", "--data", ".", *options)
    assert done.code == 2
    assert words in " ".join(done.err.split())
