"""`musicvae import`: other people's models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from musicvae.checkpoint import Checkpoint


def import_(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A checkpoint of TensorFlow (.tar, .index), or the folder or URL of one of "
            "Magenta.js.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="The folder to write.")
    ],
    preset: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Which published model it is. Default: as it looks."),
    ] = None,
) -> None:
    """Make a model of this program out of one that Magenta published.

    TensorFlow is not needed. What kind of model it is, and how large, is read from the file. Where
    several kinds look alike they are listed, and --preset says which it is.

    Examples:

      musicvae import cat-mel_2bar_big.tar -o my-melodies/
      musicvae import groove.ckpt.index -o my-grooves/ --preset groovae_2bar_humanize
      musicvae sample --model my-melodies/ -o out/
    """
    from musicvae.cli.outputs import check_writable
    from musicvae.cli.talk import say

    if output.exists() and (not output.is_dir() or any(output.iterdir())):
        raise ValueError(f"{output} is there already, and not empty: give a new folder")
    check_writable(output)
    checkpoint = _read(source, preset)
    from musicvae.checkpoint import save

    save(checkpoint, output)
    weights = sum(w.numel() for w in checkpoint.weights.values())
    say(f"{output}: {checkpoint.preset.name}, {weights:,} weights")
    say(f"  hear it  musicvae sample --model {output} -o out/")


def _read(source: str, preset: str | None) -> Checkpoint:
    """The format is told by looking: Magenta.js has a list of weights beside its config.json."""
    from musicvae.interop.magenta_js import import_magenta_js, is_magenta_js
    from musicvae.interop.magenta_tf import import_tensorflow

    if is_magenta_js(source):
        return import_magenta_js(source, preset)
    if "://" in source:
        raise ValueError(f"{source} is to be downloaded first: only Magenta.js is read from a URL")
    return import_tensorflow(source, preset)
