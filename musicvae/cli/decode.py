"""`musicvae decode`: numbers as songs again."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from musicvae.cli.options import Device, Output, Seed, Temperature, chosen


def decode(
    latents: Annotated[Path, typer.Argument(metavar="Z.NPZ", help="What `musicvae encode` wrote.")],
    output: Output = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", metavar="NAME", help="Default: the model that made the file."
        ),
    ] = None,
    temperature: Temperature = 0.0,
    seed: Seed = None,
    device: Device = "auto",
) -> None:
    """Make a song of a file that `musicvae encode` wrote.

    Examples:

      musicvae decode z.npz -o out.mid
      musicvae decode z.npz -o out.mid --temperature 0.5 --seed 7
    """
    from musicvae.cli.outputs import check_inputs, check_output, put
    from musicvae.cli.songs import few_threads, load_model, preset_of_model
    from musicvae.cli.talk import say

    check_inputs([latents])
    few_threads()
    from musicvae.pipeline.codes import Codes

    codes = Codes.load(latents)
    reader = preset_of_model(model or codes.model).representation
    check_output(output, reader, [latents])
    vae = load_model(model or codes.model, device)
    if codes.model and vae.name != codes.model:
        raise ValueError(
            f"{latents} holds codes of {codes.model}, and to {vae.name} they mean something else: "
            "leave --model out"
        )
    seed = chosen(seed)
    result = vae.decode(codes, temperature=temperature, seed=seed)
    put(reader, [result], output, latents.stem)
    if temperature > 0:
        say(f"The same again: --seed {seed}", aside=output is None)
