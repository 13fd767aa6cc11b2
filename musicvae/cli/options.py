"""The options that several commands share. Checked here, before anything heavy is loaded."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from musicvae.config import Preset

MODEL = "melody-2bar"


def _check_seed(seed: int | None) -> int | None:
    if seed is not None and not 0 <= seed < 2**63:
        raise ValueError(f"--seed is a whole number from 0 up, not {seed}")
    return seed


def _check_temperature(temperature: float | None) -> float | None:
    if temperature is not None and not (math.isfinite(temperature) and temperature >= 0):
        raise ValueError(
            f"--temperature is 0 or above, not {temperature:g}: 0 always takes the likeliest, "
            "1 leaves more to chance"
        )
    return temperature


Song = Annotated[
    str,
    typer.Argument(
        metavar="SONG",
        help="A MIDI file of any length; for a model of text a .txt file, or words in quotes.",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Change a setting; as often as needed."),
]
Model = Annotated[
    str,
    typer.Option("--model", "-m", metavar="NAME", help="A model's name, its folder, or a hub id."),
]
Device = Annotated[
    str, typer.Option(metavar="NAME", help="auto, cpu, cuda or mps: what computes. auto: a GPU.")
]
Seed = Annotated[
    int | None,
    typer.Option(
        metavar="N", callback=_check_seed, help="The same number makes the same music again."
    ),
]
_TEMPERATURE = "How daring: 0 takes the likeliest, 1 leaves more to chance."
Temperature = Annotated[
    float,
    typer.Option(
        "--temperature", "-t", metavar="X", callback=_check_temperature, help=_TEMPERATURE
    ),
]
# None: what suits the model's kind.
TemperatureBetween = Annotated[
    float | None,
    typer.Option(
        "--temperature",
        "-t",
        metavar="X",
        callback=_check_temperature,
        help=f"{_TEMPERATURE} Default: 0.5, for text 0.",
    ),
]
Track = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME",
        help="The track to read, by name or number. For one of several parts: bass=NAME. "
        "Default: the likeliest.",
    ),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Read bars in a meter that the model does not know as others."),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict", help="Refuse a file of which something would be left out or cut short."
    ),
]
Chords = Annotated[
    str | None,
    typer.Option(
        metavar="CHORDS",
        help='Such as "C G Am F", a bar each, or "C | G Am | F". For a model that knows chords.',
    ),
]
Wav = Annotated[Path | None, typer.Option(metavar="OUT.WAV", help="Render the result as sound.")]
Count = Annotated[int, typer.Option("-n", metavar="N", help="How many.")]
Json = Annotated[bool, typer.Option("--json", help="Print the figures as JSON, and nothing else.")]
Midi = Annotated[
    Path, typer.Option("--output", "-o", metavar="OUT.MID", help="The MIDI file to write.")
]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="OUT", help="The file to write. Without, text is printed."
    ),
]
OutputOrFolder = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        metavar="OUT",
        help="A folder for one file each, or a file for all, one after another. Without, text is "
        "printed.",
    ),
]


def check_count(n: int) -> None:
    """Raise `ValueError` unless `n` is a number of pieces to make."""
    if n < 1:
        raise ValueError(f"-n is how many to make, 1 or more, not {n}")


def chosen(seed: int | None) -> int:
    """The seed, or a fresh one short enough to be typed again."""
    import random

    return random.SystemRandom().randrange(10_000) if seed is None else seed


def with_settings(name: str, settings: list[str]) -> Preset:
    """A preset by name with the settings of `--set`."""
    from musicvae.config import override
    from musicvae.presets import preset

    chosen: Preset = preset(name)
    for setting in settings:
        path, equals, value = setting.partition("=")
        if not equals:
            raise ValueError(f"--set takes NAME=VALUE, such as model.z=64, not {setting!r}")
        chosen = override(chosen, path.strip(), value.strip())
    return chosen
