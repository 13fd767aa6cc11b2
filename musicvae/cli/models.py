"""`musicvae models`: the checkpoints at hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from musicvae.cli.options import Json

FIGURES = ("teacher", "sampled", "greedy", "kl_bits")


def models(json: Json = False) -> None:
    """List the models that come with the program, what they reach and where they lie.

    Examples:

      musicvae models
      musicvae models --json
    """
    from musicvae.catalogue import shipped
    from musicvae.cli.talk import print_json, say

    found = [_entry(name, folder) for name, folder in shipped().items()]
    if json:
        print_json(found)
    elif found:
        _print(found)
    else:
        say("No models came with this copy. Train one: musicvae train --help")


def _entry(name: str, folder: Path) -> dict[str, Any]:
    from musicvae.catalogue import read_config
    from musicvae.config import preset_of
    from musicvae.representations.abilities import bars_of

    size = sum(f.stat().st_size for f in folder.iterdir() if f.is_file())
    entry = {"name": name, "path": str(folder), "megabytes": round(size / 1e6, 1)}
    try:
        config = read_config(folder)
        preset = preset_of(folder, config["preset"])
    except ValueError as error:
        return entry | {"problem": str(error)}
    return entry | {
        "summary": preset.summary,
        "reads": type(preset.representation).__name__.lower(),
        "bars": bars_of(preset.representation),
        "z": preset.model.z,
        "figures": config.get("figures", {}),
    }


def _print(found: list[dict[str, Any]]) -> None:
    from musicvae.cli.talk import plain_table, say, tell

    numbers = ("bars", "z", "told", "drawn", "best", "bits", "MB")
    table = plain_table("model", "reads", *numbers, right=numbers)
    for entry in found:
        cells = [str(entry.get(key) or "-") for key in ("reads", "bars", "z")]
        cells += [_figure(entry.get("figures", {}), name) for name in FIGURES]
        table.add_row(entry["name"], *cells, f"{entry['megabytes']:.1f}")
    tell().print(table)
    say()
    say(
        "reads: what of a file, and writes. bars: how many at a time. z: numbers that stand for "
        "them. Then how much comes back right of what is unseen. told: step by step, told the "
        "truth after each. drawn: by itself, drawing at random as it learned. best: by itself, "
        "always taking the likeliest. bits: what z says about it."
    )
    say()
    for entry in found:
        said = entry.get("problem") or f"{entry['summary']}, in {entry['path']}"
        say(f"{entry['name']}: {said}")


def _figure(figures: Mapping[str, Any], name: str) -> str:
    """A figure as it is printed, whether the figures are of one split or of several."""
    value = figures.get(name, figures.get("test", {}).get(name))
    if value is None:
        return "-"
    return f"{value:.0f}" if name == "kl_bits" else f"{value:.1%}"
