"""The tables and sentences of docs/theory.md, from the result files. Knows neither torch nor NumPy,
so that `benchmarks/render.py` stays quick."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

Table = Callable[[Sequence[str], Iterable[Sequence[str]]], str]
Result = Mapping[str, Any]

KINDS = {"melody": "two-bar melodies", "text": "sentences"}


def blocks(results: Path, table: Table) -> dict[str, str]:
    """What stands between each pair of marks."""
    made = {
        "theory_ppca": ("theory-ppca", ppca),
        "theory_bounds": ("theory-ppca", bounds),
        "theory_example": ("theory-gradients", example),
        "theory_batch": ("theory-gradients", batch),
        "theory_autoencoder": ("theory-autoencoder", autoencoder),
        "theory_holes": ("theory-autoencoder", holes),
        "theory_density": ("theory-density", density),
        "theory_outliers": ("theory-outliers", outliers),
        "theory_rate": ("theory-rate", rate),
    }
    return {
        name: write(json.loads((results / f"{file}.json").read_text()), table)
        for name, (file, write) in made.items()
        if (results / f"{file}.json").is_file()
    }


def ppca(r: Result, table: Table) -> str:
    rows = [
        ["closed form (probabilistic PCA)", f"{r['closed_form_nats']:.4f}", ""],
        ["our VAE, exact log p(x)", f"{r['log_likelihood_nats']:.4f}", f"{r['gap_percent']:.4f} %"],
        ["our VAE, ELBO", f"{r['elbo_nats']:.4f}", f"{r['elbo_gap_percent']:.4f} %"],
    ]
    said = (
        f"Mean log likelihood in nats of {r['points']:,} points of {r['size']} numbers, "
        f"z of {r['q']}, after {r['updates']:,} updates."
    )
    return table(["", "nats a point", "from the closed form"], rows) + f"\n\n{said}"


def bounds(r: Result, table: Table) -> str:
    names = {
        "trained": "the trained posterior",
        "doubled": "the same, twice as wide",
        "prior": "the prior",
    }
    header = ["z drawn from", *(f"K = {row['k']}" for row in r["bounds"]["prior"])]
    rows = [
        [said, *(f"{row['lower']:.2f} to {row['upper']:.2f}" for row in r["bounds"][name])]
        for name, said in names.items()
    ]
    exact = f"The exact value is {r['log_likelihood_nats']:.2f} nats a point."
    return table(header, rows) + f"\n\n{exact}"


WAYS = {
    "reparameterised": "reparameterised",
    "score": "score function",
    "mean_baseline": "score function, baseline E[f]",
    "best_baseline": "score function, best baseline",
}


def example(r: Result, table: Table) -> str:
    header = ["variance, closed form / drawn", *(f"θ = {row['theta']:g}" for row in r["example"]),
              *(f"θ = 1, D = {row['size']}" for row in r["sizes"][-2:])]  # fmt: skip
    measured = [*r["example"], *r["sizes"][-2:]]
    rows = [
        [said, *(f"{row['closed'][way]:,.4g} / {row['drawn'][way]:,.4g}" for row in measured)]
        for way, said in WAYS.items()
    ]
    return table(header, rows) + f"\n\n{r['draws']:,} draws, fewer in many dimensions."


def batch(r: Result, table: Table) -> str:
    header = ["gradient of the reconstruction term", *(f"{b['when']} training" for b in r["batch"])]
    rows = [
        [WAYS[way], *(f"{b['variance'][way]:,.4g} ({_short(b['noise_to_signal'][way])})"
                      for b in r["batch"])]
        for way in ("reparameterised", "score", "mean_baseline")
    ]  # fmt: skip
    rows.append(["squared length of the gradient", *(f"{b['signal']:,.4g}" for b in r["batch"])])
    first, last = r["batch"]
    times = [
        b["variance"]["mean_baseline"] / b["variance"]["reparameterised"] for b in (first, last)
    ]
    said = (
        f"Sum of the variances over {first['weights']:,} weights of the encoder, from "
        f"{first['draws']} draws with {first['examples']} melodies; in brackets, over the squared "
        f"length of the gradient itself. With its baseline the score function is "
        f"{_short(times[0])} and {_short(times[1])} times as noisy as the path."
    )
    return table(header, rows) + f"\n\n{said}"


def autoencoder(r: Result, table: Table) -> str:
    header = ["samples", "bits a step of samples, judged by n-grams of real ones",
              "bits a step of real ones, judged by n-grams of samples"]  # fmt: skip
    parts = []
    for kind, said in KINDS.items():
        if kind in r:
            rows = [
                [
                    _source(row),
                    _with_interval(row, "bits_of_samples"),
                    _with_interval(row, "bits_of_real"),
                ]
                for row in r[kind]
            ]
            parts.append(
                f"{said.capitalize()}\n\n" + table(header, rows) + "\n\n" + _margin(r[kind])
            )
    return "\n\n".join(parts)


def _source(row: Result) -> str:
    if row["z_from"] == "real":
        return "real ones, as many"
    name = f"β = {row['beta']:g}" if row["beta"] else "autoencoder, β = 0"
    return f"{name}, z from {'N(0, 1)' if row['z_from'] == 'prior' else 'a normal fitted to codes'}"


def _margin(rows: Sequence[Result]) -> str:
    by = {(row["z_from"], row["beta"]): row for row in rows}
    vae, plain = by["prior", 1.0], by["prior", 0.0]
    there, back = (plain[key] - vae[key] for key in ("bits_of_samples", "bits_of_real"))
    return (
        f"From the prior the autoencoder's samples cost {there:+.2f} bits a step against those of "
        f"the VAE (β = 1), and real ones under its samples {back:+.2f}."
    )


def _with_interval(row: Result, key: str) -> str:
    low, high = row[f"{key}_interval"]
    return f"{row[key]:.2f} ({low:.2f} to {high:.2f})"


def holes(r: Result, table: Table) -> str:
    names = {"1": "VAE, β = 1", "0": "autoencoder, β = 0"}
    header = ["z of two numbers", "held-out codes where 99 % of N(0, 1) lies",
              "draws from N(0, 1) in holes", "draws from a normal fitted to the codes in holes",
              "standard deviation of codes", "farthest code"]  # fmt: skip
    rows = [
        [
            said,
            *(f"{100 * r['plane'][beta][key]:.1f} %"
              for key in ("codes_reached", "prior_in_holes", "fitted_in_holes")),
            f"{r['plane'][beta]['code_std']:.2f}",
            f"{r['plane'][beta]['farthest_code']:.1f}",
        ]
        for beta, said in names.items()
    ]  # fmt: skip
    said = (
        "A hole is where the kernel estimate of the codes is lower than at all but one in a "
        "hundred held-out codes: 1 % would be none."
    )
    return table(header, rows) + f"\n\n{said}"


def density(r: Result, table: Table) -> str:
    names = {
        "prior": "the prior N(0, 1)",
        "normal": "one normal, maximum likelihood",
        "mixture": "mixture of normals, maximum likelihood",
        "histogram": "histogram",
        "kernel": "kernel estimate",
        "aggregate": "all posteriors themselves",
    }
    columns = {
        f"{key}_{size}": f"{said}, D = {size}"
        for key, said in (("vae", "VAE"), ("autoencoder", "autoencoder"))
        for size in (1, 2)
    }
    found = {key: {row["density"]: row for row in r[key]} for key in columns}
    rows = [
        [said, *(_density_cell(name, found[key][name]) for key in columns)]
        for name, said in names.items()
    ]
    said = (
        f"Mean log density of held-out codes in nats, fitted to {r['codes']:,}, with half a 95 % "
        "interval (the codes are the same for all, so that differences are surer); in brackets "
        "what was chosen by a second held-out set: normals, cells to a side, or the bandwidth."
    )
    return table(["density", *columns.values()], rows) + f"\n\n{said}"


def _density_cell(name: str, row: Result) -> str:
    low, high = row["interval"]
    chosen = "" if row["chosen"] is None else f" ({row['chosen']:.2g})"
    if row["nats"] < -100:
        return f"{row['nats']:,.0f} ± {(high - low) / 2:,.0f}{chosen}"
    return f"{row['nats']:.2f} ± {(high - low) / 2:.2f}{chosen}"


def outliers(r: Result, table: Table) -> str:
    scores = {
        "weighted_step": "VAE, a step",
        "weighted_event": "VAE, an event",
        "language_event": "language model, an event",
        "ratio_event": "difference of the two, an event",
        "code": "−log density of the code",
        "shipped_event": "`melody-2bar`, an event",
    }
    header = ["outliers", *scores.values(), "less likely than what it was made of: VAE",
              "language model", "`melody-2bar`"]  # fmt: skip
    rows = [
        [
            row["outlier"],
            *(_mean(row["auroc"], score) for score in scores),
            *(_mean(row["less_likely"], f"{model}_event")
              for model in ("weighted", "language", "shipped")),
        ]
        for kind in KINDS
        for row in r.get(kind, ())
    ]  # fmt: skip
    said = (
        f"AUROC of {r['examples']} outliers against as many real ones, K = {r['samples']}, and the "
        "share of pairs in which the outlier is the less likely an event; 95 % intervals are "
        f"± {_widest(r):.2f} or less. VAEs of β = {r['beta']['melody']:g} (melodies) and "
        f"{r['beta']['text']:g} (sentences); `melody-2bar` is the checkpoint that is shipped."
    )
    return table(header, rows) + f"\n\n{said}"


def _mean(found: Result, name: str) -> str:
    return f"{found[name]['mean']:.2f}" if name in found else ""


def _widest(r: Result) -> float:
    """Half of the widest 95 % interval in the table."""
    intervals = [
        found["interval"]
        for kind in KINDS
        for row in r.get(kind, ())
        for found in (*row["auroc"].values(), *row["less_likely"].values())
    ]
    return max((high - low) / 2 for low, high in intervals)


def rate(r: Result, table: Table) -> str:
    header = ["β", "rate", "distortion", "−ELBO", "importance-weighted NLL", "information",
              "active units", "accuracy"]  # fmt: skip
    parts = []
    for kind, said in KINDS.items():
        if kind in r:
            rows = [_rate_row(m) for m in r[kind]["models"]]
            parts.append(
                f"{said.capitalize()}\n\n" + table(header, rows) + "\n\n" + _about(r, kind)
            )
    return "\n\n".join(parts)


def _rate_row(m: Result) -> list[str]:
    return [
        f"{m['beta']:g}",
        f"{m['rate']:.1f}",
        f"{m['distortion']:.1f}",
        f"{m['rate'] + m['distortion']:.1f}",
        f"{m['weighted_nll']:.1f} ({m['effective_samples']:.0f})",
        f"{m['information']:.2f}",
        str(m["active_units"]),
        f"{m['accuracy']:.3f}",
    ]


def _about(r: Result, kind: str) -> str:
    found = r[kind]
    low, high = found["language_model_interval"]
    return (
        f"Nats a sequence of {found['steps']:.1f} steps. The language model of the same size: "
        f"{found['language_model_nll']:.1f} ({low:.1f} to {high:.1f}), of the {r['examples']} "
        f"examples that are importance-weighted {found['language_model_same_examples']:.1f}. "
        f"K = {r['samples']}; in brackets the effective number of draws. Information cannot show "
        f"as more than {found['models'][0]['ceiling']:.2f} nats."
    )


def _short(number: float) -> str:
    rounded = float(f"{number:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:.2g}"
