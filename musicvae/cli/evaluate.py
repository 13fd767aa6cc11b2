"""`musicvae evaluate`: what a model reaches on what it has not learned from."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from musicvae.cli.options import MODEL, Device, Json, Model

WAYS = {
    "teacher": "step by step, told the truth after each",
    "sampled": "by itself, drawing at random",
    "greedy": "by itself, always taking the likeliest",
}
COSTS = {  # what each is of, and the perplexity that goes with it
    "kl": ("what z is told (KL)", None),
    "reconstruction": ("what the decoder has to add", None),
    "elbo": ("both together (ELBO)", "perplexity_elbo"),
    "iw_nll": ("importance-weighted", "perplexity_iw"),
}
UNITS = ("nats", "bits", "bits_per_step")
OTHERS = {
    "bits_per_onset": ("bits for each step where something starts (ELBO)", ".2f"),
    "mutual_information_nats": ("nats that z says about which sequence it is", ".2f"),
    "mutual_information_ceiling_nats": ("the most that so many sequences can show of that", ".2f"),
    "active_units": ("numbers in z that say something", "d"),
    "bleu_greedy": ("BLEU of what comes back by itself, always taking the likeliest", ".1f"),
    "bleu_drawn": ("the same from a z that is drawn", ".1f"),
    "iw_effective_samples": ("samples of z that count, of those drawn for a sequence", ".1f"),
    "steps": ("steps", ",d"),
    "examples": ("sequences", ",d"),
}


def evaluate(
    data: Annotated[
        Path, typer.Option(metavar="FOLDER", help="A dataset that `musicvae prepare` made.")
    ],
    model: Model = MODEL,
    split: Annotated[str, typer.Option(metavar="NAME", help="test, valid or train.")] = "test",
    limit: Annotated[
        int | None, typer.Option(metavar="N", help="At most so many sequences, drawn by --seed.")
    ] = None,
    importance: Annotated[
        int,
        typer.Option(
            metavar="K", help="Weigh K samples of z a sequence (500 is usual); 0: do without."
        ),
    ] = 0,
    prior_share: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Draw this share of them from the prior (0.5, say)."),
    ] = 0.0,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", metavar="OUT.JSON", help="Write figures, machine and versions."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(metavar="N", help="For all that is drawn.")] = 0,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Measure how well a model gives back what it has not seen, and how likely it holds it to be.

    Examples:

      musicvae evaluate --data dataset/
      musicvae evaluate --model run/checkpoint --data dataset/ --limit 2000 -o result.json
      musicvae evaluate --model run/checkpoint --data dataset/ --importance 500
    """
    from musicvae.cli.outputs import check_file, write_all
    from musicvae.cli.talk import print_json

    if output is not None:
        check_file(output, (".json",))
    if limit is not None and limit < 1:
        raise ValueError(f"--limit is 1 or more, not {limit}")
    if importance < 0:
        raise ValueError(f"--importance is 0 or more, not {importance}")
    if not 0 <= prior_share < 1:
        raise ValueError(f"--prior-share is from 0 to below 1, not {prior_share}")
    if prior_share and not importance:
        raise ValueError("--prior-share says where the samples of --importance K are from: give K")
    weighting = {"importance": importance, "prior_share": prior_share}
    result = _measure(model, data, split, limit, seed, device, weighting)
    if output is not None:
        write_all({output: partial(_write, result)})
    if json:
        print_json(result)
    else:
        _print(result["figures"])


def _measure(
    name: str,
    folder: Path,
    split: str,
    limit: int | None,
    seed: int,
    device: str,
    weighting: dict[str, Any],
) -> dict[str, Any]:
    import time

    from musicvae.cli.machine import describe
    from musicvae.cli.talk import counting
    from musicvae.pipeline.model import MusicVAE
    from musicvae.training.dataset import load_dataset
    from musicvae.training.evaluate import evaluate as run

    dataset = load_dataset(folder, split)
    vae = MusicVAE.from_pretrained(name, device)
    if vae.representation.spec != dataset.representation.spec:
        raise ValueError(
            f"the model {vae.name} reads {vae.representation}, but {folder} holds "
            f"{dataset.representation}"
        )
    dataset = dataset.read_by(vae.representation)
    dataset = dataset if limit is None else dataset.sample(limit, seed)
    begin = time.perf_counter()
    with counting("sequences") as progress:
        figures = run(vae.model, dataset, seed=seed, progress=progress, **weighting)
    return {
        "model": name,
        "data": str(folder),
        "split": split,
        "limit": limit,
        **weighting,
        "figures": figures,
        "seconds": round(time.perf_counter() - begin, 1),
        **describe(vae.device),
    }


def _write(result: dict[str, Any], path: Path) -> None:
    from json import dumps

    path.write_text(dumps(result, indent=2) + "\n")


def _print(figures: dict[str, Any]) -> None:
    from musicvae.cli.talk import plain_table, say, tell

    right = ("of all steps", "where something starts")
    table = plain_table("how much comes back right", *right, right=right)
    for name, words in WAYS.items():
        table.add_row(words, f"{figures[name]:.2%}", f"{figures[name + '_onsets']:.2%}")
    tell().print(table)
    say()
    _print_parts(figures)
    _print_costs(figures)
    others = plain_table("figure", "words", right=("figure",))
    others.show_header = False
    for name, (words, form) in OTHERS.items():
        if name in figures:
            others.add_row(format(figures[name], form), words)
    tell().print(others)


def _print_costs(figures: dict[str, Any]) -> None:
    """How likely sequences are, as what it costs to tell them."""
    from musicvae.cli.talk import plain_table, say, tell

    right = ("nats", "bits", "bits a step", "perplexity")
    table = plain_table("what a sequence costs", *right, right=right)
    for name, (words, perplexity) in COSTS.items():
        if f"{name}_nats" in figures:
            costs = [abs(figures[f"{name}_{unit}"]) for unit in UNITS]
            rest = "" if perplexity is None else f"{figures[perplexity]:,.2f}"
            table.add_row(words, *(f"{c:,.2f}" for c in costs), rest)
    tell().print(table)
    if "iw_nll_nats" in figures:
        low, high = (figures[f"iw_nll_nats_{end}"] for end in ("low", "high"))
        say(
            f"With {figures['iw_samples']} samples of z each; 95 % interval {low:,.2f} to "
            f"{high:,.2f} nats."
        )
    say()


def _print_parts(figures: dict[str, Any]) -> None:
    """What comes back of each part, where there are several."""
    from musicvae.cli.talk import plain_table, say, tell

    first = "teacher_"  # teacher_melody, teacher_bass, teacher_drums
    parts = [name.removeprefix(first) for name in figures if name.startswith(first)]
    parts.remove("onsets")
    if not parts:
        return
    right = ("step by step", "drawing", "likeliest")
    table = plain_table("of all steps of a part", *right, right=right)
    for part in parts:
        table.add_row(part, *(f"{figures[f'{way}_{part}']:.2%}" for way in WAYS))
    tell().print(table)
    say()
