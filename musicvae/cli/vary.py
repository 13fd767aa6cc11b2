"""`musicvae vary`: a song's neighbours."""

from __future__ import annotations

from typing import Annotated

import typer

from musicvae.cli.options import (
    MODEL,
    Count,
    Device,
    MidiOrFolder,
    Model,
    Seed,
    Song,
    Temperature,
    Track,
    check_count,
    chosen,
)


def vary(
    song: Song,
    output: MidiOrFolder,
    amount: Annotated[
        float, typer.Option(metavar="X", help="How far: 0 is the song itself, 1 all new.")
    ] = 0.3,
    n: Count = 4,
    track: Track = None,
    model: Model = MODEL,
    temperature: Temperature = 0.0,
    seed: Seed = None,
    device: Device = "auto",
) -> None:
    """Make variations of a song.

    Examples:

      musicvae vary song.mid -o out/
      musicvae vary song.mid -o out/ --amount 0.15 -n 8
      musicvae vary song.mid -o variation.mid -n 1 --seed 7
    """
    from musicvae.cli.outputs import check_file_or_folder, check_inputs, write_pieces
    from musicvae.cli.songs import load_model, read_song
    from musicvae.cli.talk import say

    check_count(n)
    if not 0 <= amount <= 1:
        raise ValueError(f"--amount goes from 0 (the song itself) to 1 (all new), not {amount:g}")
    check_inputs([song])
    check_file_or_folder(output, [song])
    seed = chosen(seed)
    vae = load_model(model, device)
    read = read_song(vae.representation, song, track)
    say(f"{song}: {'; '.join(read.remarks)}")
    pieces = vae.vary(read.examples, amount=amount, n=n, temperature=temperature, seed=seed)
    say(write_pieces(vae.representation.write, pieces, output, f"{song.stem}-vary-{seed}"))
    say(f"The same again: --seed {seed}")
