"""`musicvae vary`: a song's neighbours."""

from __future__ import annotations

from typing import Annotated

import typer

from musicvae.cli.options import (
    MODEL,
    Count,
    Device,
    Force,
    Model,
    OutputOrFolder,
    Seed,
    Song,
    Strict,
    Temperature,
    Track,
    Wav,
    check_count,
    chosen,
)


def vary(
    song: Song,
    output: OutputOrFolder = None,
    amount: Annotated[
        float, typer.Option(metavar="X", help="How far: 0 is the song itself, 1 all new.")
    ] = 0.3,
    n: Count = 4,
    track: Track = None,
    force: Force = False,
    strict: Strict = False,
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
      musicvae vary "I like tea." --model text
    """
    from musicvae.cli.outputs import check_inputs, check_output, check_wav, put, sound_of
    from musicvae.cli.songs import load_model, preset_of_model, read_song, tell_remarks
    from musicvae.cli.talk import say

    check_count(n)
    if not 0 <= amount <= 1:
        raise ValueError(f"--amount goes from 0 (the song itself) to 1 (all new), not {amount:g}")
    reader = preset_of_model(model).representation
    check_inputs([song], reader)
    check_output(output, reader, [song], folder=True)
    check_wav(wav, [song], reader)
    seed = chosen(seed)
    read = read_song(reader, song, track, force, strict)
    vae = load_model(model, device)
    pieces = vae.vary(read.examples, amount=amount, n=n, temperature=temperature, seed=seed)
    tell_remarks(read, aside=output is None)
    stem = f"{read.stem}-vary-{seed}"
    put(reader, pieces, output, stem, beside=sound_of(reader, pieces, wav))
    say(f"The same again: --seed {seed}", aside=output is None)
