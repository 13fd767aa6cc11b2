"""`musicvae vary`: a song's neighbours."""

from __future__ import annotations

from typing import Annotated

import typer

from musicvae.cli.options import (
    MODEL,
    Count,
    Device,
    Force,
    MidiOrFolder,
    Model,
    Seed,
    Song,
    Temperature,
    Track,
    Wav,
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
    force: Force = False,
    wav: Wav = None,
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
    from musicvae.cli.outputs import check_file_or_folder, check_inputs, check_wav, write_pieces
    from musicvae.cli.songs import load_model, preset_of_model, read_song
    from musicvae.cli.talk import say

    check_count(n)
    if not 0 <= amount <= 1:
        raise ValueError(f"--amount goes from 0 (the song itself) to 1 (all new), not {amount:g}")
    check_inputs([song])
    check_file_or_folder(output, [song])
    check_wav(wav, [song])
    seed = chosen(seed)
    read = read_song(preset_of_model(model).representation, song, track, force)
    vae = load_model(model, device)
    say(f"{song}: {'; '.join(read.remarks)}")
    pieces = vae.vary(read.examples, amount=amount, n=n, temperature=temperature, seed=seed)
    stem = f"{song.stem}-vary-{seed}"
    say(write_pieces(vae.representation.write, pieces, output, stem, wav))
    say(f"The same again: --seed {seed}")
