"""Write the tables of the README files from the result files and the checkpoints' figures.

    python benchmarks/render.py           write them
    python benchmarks/render.py --check   exit 1 if any is out of date

A table stands between `<!-- figures:NAME -->` and `<!-- /figures -->`.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from collapse_table import HEADER as REMEDIES
from collapse_table import collapse_rows
from theory import tables as theory

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results"
CHECKPOINTS = ROOT / "checkpoints"
PLACE = re.compile(r"(<!-- figures:(\w+) -->\n).*?(<!-- /figures -->)", re.DOTALL)


def main(check: bool) -> int:
    """Render every file; the number of files that were out of date."""
    stale = 0
    for path, tables in _pages():
        old = path.read_text()
        new = PLACE.sub(lambda m, t=tables: f"{m[1]}{t[m[2]]}\n{m[3]}", old)
        if new != old:
            stale += 1
            print(f"{'out of date' if check else 'wrote'}: {path.relative_to(ROOT)}")
            if not check:
                path.write_text(new)
    return stale


def _pages() -> Iterable[tuple[Path, Mapping[str, str]]]:
    everything = {
        "accuracy": accuracy(),
        "checkpoints": checkpoints(),
        "encoders": encoders(),
        "groove": groove(),
        "speed": speed(),
        "trio": trio(),
    }
    yield ROOT / "docs" / "porting.md", {"oracle": oracle(), "parity": parity()}
    yield ROOT / "docs" / "theory.md", theory.blocks(RESULTS, _table)
    remedies = {f"collapse_{kind}": collapse(kind) for kind in ("text", "melody")}
    yield ROOT / "docs" / "collapse.md", remedies
    for page in (ROOT / "README.md", CHECKPOINTS / "README.md", ROOT / "benchmarks" / "README.md"):
        yield page, everything
    for folder in _shipped():
        tables = {"card": card(folder), "groove": groove(), "trio": trio()}
        yield folder / "README.md", tables | {"interpolations": interpolations()}


def accuracy() -> str:
    """The shipped models, the flat one they are compared with, and the paper's numbers."""
    rows = [
        ("2-bar melody, `melody-2bar`", _of("accuracy-melody-2bar"), "0.986 / 0.951"),
        (
            "2-bar, windows that also occur in training left out",
            _of("accuracy-melody-2bar-strict"),
            "",
        ),
        ("16-bar melody, `melody-16bar`", _of("accuracy-melody-16bar"), "0.919 / 0.812"),
        ("16-bar, the same after 500 updates", _of("accuracy-hierarchical-500"), ""),
        ("16-bar, flat decoder, 500 updates", _of("accuracy-flat-500"), "0.883 / 0.620"),
        ("2-bar melody told the chords", _of("accuracy-melody-2bar-chords"), ""),
        ("2-bar drums, `drums-2bar`", _of("accuracy-drums-2bar"), "0.979 / 0.917"),
        ("16-bar trio, `trio-16bar`: mean of its parts", _of("accuracy-trio-16bar"), ""),
    ]
    header = ["model", "teacher-forced", "sampled", "greedy", "sampled, onsets", "KL bits",
              "bits an onset", "active units", "paper, forced / sampled"]  # fmt: skip
    return _table(header, ([name, *_accuracies(f), paper] for name, f, paper in rows if f))


def speed() -> str:
    """One line a benchmark: what was asked, and the answer."""
    apart = ("accuracy", "collapse", "groove", "oracle", "theory")  # have tables of their own
    found = [_read(p) for p in sorted(RESULTS.glob("*.json")) if not p.stem.startswith(apart)]
    lines = ([r["question"], r["answer"], _machine(r)] for r in found)
    return _table(["question", "answer", "measured on"], lines)


def oracle() -> str:
    """Each configuration of which the reference's tensors are recorded, and the files equal."""
    header = ["configuration", "mode", "equal files", "with windows", "windows",
              "equal files decoded"]  # fmt: skip
    rows = (
        [
            f"`{r['configuration']}`",
            r["mode"],
            f"{r['equal_files']} of {r['files']}",
            str(r["files_with_windows"]),
            f"{r['windows']:,}",
            f"{r['equal_decoded_files']} of {r['decoded_files']}" if r["decoded_files"] else "",
        ]
        for r in _read(RESULTS / "oracle.json")["converters"]
    )
    return _table(header, rows)


def parity() -> str:
    """Imported models, and the worst difference in each quantity from what the original gave."""
    header = ["model", "original", "mean", "sigma", "logits", "loss terms", "metrics",
              "greedy steps that differ"]  # fmt: skip
    found = [r for p in sorted(RESULTS.glob("parity-*.json")) for r in _read(p)["models"]]
    quantities = ("mean", "sigma", "logits", "losses", "metrics")
    rows = (
        [
            f"`{r['model']}`",
            r["original"],
            *(_exponent(r.get(q)) for q in quantities),
            f"{r['greedy']} of {r['greedy_steps']:,}",
        ]
        for r in found
    )
    return _table(header, rows)


def encoders() -> str:
    """From a MIDI file to tokens: ours, and how many times as long the reference takes."""
    header = ["encoder", "median file, ms", "times as fast", "mean, ms", "times as fast in total"]
    rows = (
        [
            f"`{r['encoder']}`",
            f"{r['median_ms']:.2f}",
            f"{r['times_faster_median']:.1f}",
            f"{r['mean_ms']:.2f}",
            f"{r['times_faster_total']:.1f}",
        ]
        for r in _read(RESULTS / "encode_speed.json")["encoders"]
    )
    return _table(header, rows)


def trio() -> str:
    """How much comes back of each part of a trio, and the paper's numbers."""
    header = ["part", "teacher-forced", "sampled", "greedy", "paper, sampled"]
    paper = {"melody": "0.753", "bass": "0.773", "drums": "0.863"}
    f = _of("accuracy-trio-16bar") or {}
    ways = ("teacher", "sampled", "greedy")
    return _table(
        header,
        ([part, *(f"{f[f'{way}_{part}']:.3f}" for way in ways), said]
         for part, said in paper.items() if f),
    )  # fmt: skip


def collapse(kind: str) -> str:
    """Each remedy against a collapsing posterior, and what it reaches."""
    return _table(REMEDIES, collapse_rows(kind))


def interpolations() -> str:
    """All sentences between the pairs that were drawn, and what was measured of them."""
    path = RESULTS / "interpolations-text.json"
    if not path.is_file():
        return ""
    result = _read(path)
    lines = [f"{result['answer']}."]
    for pair in result["pairs"]:
        lines += ["", f"- {pair['a']}", *(f"  - {step}" for step in pair["steps"])]
        lines.append(f"- {pair['b']}")
    return "\n".join(lines)


def groove() -> str:
    """How near to the drummer the strokes of a score are played, and by simpler means."""
    header = ["strokes are played", "timing, ms", "velocity, of 127"]
    ways = {
        "quantized": "on the grid, all equally loud",
        "drum": "with the mean of each drum",
        "drum_and_step": "with the mean of each drum at each sixteenth of a bar",
        "model": "by `groove-2bar-humanize`",
    }
    errors = _read(RESULTS / "groove-2bar-humanize.json")["errors"]
    return _table(
        header,
        ([said, f"{errors[way]['timing_ms']:.2f}", f"{errors[way]['velocity']:.1f}"]
         for way, said in ways.items()),
    )  # fmt: skip


def checkpoints() -> str:
    """The shipped checkpoints, with what `config.json` says of them."""
    header = ["checkpoint", "bars", "z", "MB", "teacher-forced", "sampled", "greedy", "KL bits"]
    rows = []
    for folder in _shipped():
        config = _read(folder / "config.json")
        preset, figures = config["preset"], config["figures"]["test"]
        size = (folder / "model.safetensors").stat().st_size / 1e6
        name, bars = folder.name, preset["representation"].get("bars", "")
        cells = [f"[{name}]({name}/README.md)", str(bars), str(preset["model"]["z"]), f"{size:.1f}"]
        rows.append([*cells, *_accuracies(figures)[:3], f"{figures['kl_bits']:.1f}"])
    return _table(header, rows)


def card(folder: Path) -> str:
    """All figures of one checkpoint."""
    f = _read(folder / "config.json")["figures"]["test"]
    ways = {
        "teacher-forced": "teacher",
        "sampled: z from the posterior, temperature 1": "sampled",
        "greedy: posterior mean, temperature 0": "greedy",
    }
    rows = [[w, f"{f[k]:.4f}", f"{f[k + '_onsets']:.4f}"] for w, k in ways.items()]
    rest = (
        f"KL {f['kl_bits']:.1f} bits and reconstruction {f['nll_bits']:.1f} bits a sequence, "
        f"{f['bits_per_onset']:.2f} bits an onset; {f['active_units']} active units; "
        f"{f['examples']:,} sequences of the test split, seed {f['seed']}."
    )
    return _table(["accuracy", "all steps", "onsets"], rows) + f"\n\n{rest}{_likelihoods(f)}"


def _likelihoods(f: Mapping[str, Any]) -> str:
    """Where they were measured: what a sequence costs, and what z says of it."""
    if "iw_nll_nats" not in f:
        return ""
    return (
        f"\n\nELBO {f['elbo_nats']:.2f} nats a sequence, of which KL {f['kl_nats']:.2f}; "
        f"importance-weighted NLL {f['iw_nll_nats']:.2f} nats (95 %: {f['iw_nll_nats_low']:.2f} to "
        f"{f['iw_nll_nats_high']:.2f}; {f.get('iw_examples', f['examples']):,} sequences, "
        f"{f['iw_samples']} samples, of which {f['iw_effective_samples']:.0f} count), perplexity "
        f"{f['perplexity_iw']:.1f} a token; z says {f['mutual_information_nats']:.2f} nats of its "
        f"sequence (at most {f['mutual_information_ceiling_nats']:.2f} can be seen); "
        f"BLEU {f['bleu_greedy']:.1f} of what comes back."
    )


def _shipped() -> list[Path]:
    return sorted(path.parent for path in CHECKPOINTS.glob("*/config.json"))


def _accuracies(f: Mapping[str, Any]) -> list[str]:
    rates = [f"{f[key]:.3f}" for key in ("teacher", "sampled", "greedy", "sampled_onsets")]
    return [*rates, f"{f['kl_bits']:.1f}", f"{f['bits_per_onset']:.2f}", str(f["active_units"])]


def _of(name: str) -> dict[str, Any] | None:
    path = RESULTS / f"{name}.json"
    figures: dict[str, Any] | None = _read(path)["figures"] if path.is_file() else None
    return figures


def _exponent(number: float | None) -> str:
    """0.00000025 -> 2.5e-07"""
    return "" if number is None else f"{number:.1e}" if number else "0"


def _machine(result: Mapping[str, Any]) -> str:
    made = result["made_with"]
    return f"{made['cpu']}, {made['cores']} cores, {made['date']}"


def _read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    sys.exit(bool(main("--check" in sys.argv)) and "--check" in sys.argv)
