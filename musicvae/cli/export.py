"""`musicvae export`: models for other programs."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from musicvae.checkpoint import Checkpoint


class Target(StrEnum):
    """What can be written."""

    magenta_js = "magenta-js"
    onnx = "onnx"
    safetensors = "safetensors"


def export(
    model: Annotated[
        str, typer.Argument(metavar="MODEL", help="A model's name, its folder, or a hub id.")
    ],
    to: Annotated[Target, typer.Option("--to", help="The program or format to write for.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output", "-o", metavar="OUT", help="The folder to write; for safetensors the file."
        ),
    ],
    quantize: Annotated[
        int | None,
        typer.Option(
            metavar="BITS",
            help="Store weights in 16 bits, or for magenta-js in 8, and not in 32: smaller files, "
            "nearly the same music.",
        ),
    ] = None,
) -> None:
    """Write a model in the form that another program reads.

    magenta-js: a folder for the web, which Magenta.js loads by its URL. It knows the published
    kinds of models, not those that come with this program: "train --preset cat-mel_2bar_small"
    makes one that it knows. onnx: a folder for onnxruntime, from any model. safetensors: all
    weights in one file.

    Examples:

      musicvae export my-melodies/ --to magenta-js -o web/my-melodies --quantize 16

      musicvae export melody-2bar --to onnx -o melody-onnx

      musicvae export melody-2bar --to safetensors -o melody-2bar.safetensors
    """
    from musicvae.catalogue import find
    from musicvae.cli.outputs import check_writable
    from musicvae.cli.talk import say

    check_writable(output.parent)
    folder = find(model)
    from musicvae.checkpoint import load

    _WRITE[to](load(folder), output, quantize)
    files = [output] if output.is_file() else list(output.iterdir())
    size = sum(file.stat().st_size for file in files)
    say(f"{output}: {size / 1e6:.1f} MB in {len(files)} file{'s' if len(files) > 1 else ''}")


def _magenta_js(checkpoint: Checkpoint, output: Path, quantize: int | None) -> None:
    from musicvae.interop.js_export import export_magenta_js

    export_magenta_js(checkpoint, output, quantize)


def _onnx(checkpoint: Checkpoint, output: Path, quantize: int | None) -> None:
    from musicvae.interop.onnx import write_onnx

    if quantize is not None:
        raise ValueError(f"ONNX is written with 32 bits a weight, not {quantize}")
    write_onnx(checkpoint, output)


def _safetensors(checkpoint: Checkpoint, output: Path, quantize: int | None) -> None:
    import torch

    from musicvae.interop.flat_file import export_safetensors

    if quantize not in (None, 16):
        raise ValueError(f"a safetensors file has 32 or 16 bits a weight, not {quantize}")
    export_safetensors(checkpoint, output, torch.float16 if quantize else torch.float32)


_WRITE: dict[Target, Callable[[Checkpoint, Path, int | None], None]] = {
    Target.magenta_js: _magenta_js,
    Target.onnx: _onnx,
    Target.safetensors: _safetensors,
}
