"""`musicvae evaluate`: what a model reaches on music it has not learned from."""

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
OTHERS = {
    "kl_bits": ("bits that z says about a sequence", ".1f"),
    "nll_bits": ("bits that the decoder has to add", ".1f"),
    "bits_per_onset": ("both together, for each step where something starts", ".2f"),
    "active_units": ("numbers in z that say something", "d"),
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
    """Measure how well a model gives back music that it has not seen.

    Examples:

      musicvae evaluate --data dataset/
      musicvae evaluate --model run/checkpoint --data dataset/ --limit 2000 -o result.json
    """
    from musicvae.cli.outputs import check_file, write_all
    from musicvae.cli.talk import print_json

    if output is not None:
        check_file(output, (".json",))
    if limit is not None and limit < 1:
        raise ValueError(f"--limit is 1 or more, not {limit}")
    result = _measure(model, data, split, limit, seed, device)
    if output is not None:
        write_all({output: partial(_write, result)})
    if json:
        print_json(result)
    else:
        _print(result["figures"])


def _measure(
    name: str, folder: Path, split: str, limit: int | None, seed: int, device: str
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
        figures = run(vae.model, dataset, seed=seed, progress=progress)
    return {
        "model": name,
        "data": str(folder),
        "split": split,
        "limit": limit,
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
    others = plain_table("figure", "words", right=("figure",))
    others.show_header = False
    for name, (words, form) in OTHERS.items():
        others.add_row(format(figures[name], form), words)
    tell().print(others)


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
