"""`musicvae encode`: a song as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from musicvae.cli.options import MODEL, Device, Force, Model, Song, Strict, Track

ENDINGS = (".npz",)


def encode(
    song: Song,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="Z.NPZ", help="The file to write.")
    ],
    track: Track = None,
    force: Force = False,
    strict: Strict = False,
    model: Model = MODEL,
    device: Device = "auto",
) -> None:
    """Write what the model makes of a song: for every few bars, a point in its latent space.

    The file is NumPy's .npz: mean and standard deviation of each window, and where in the song it
    lay. `musicvae decode` makes a song of it again.

    Examples:

      musicvae encode song.mid -o z.npz
      musicvae encode song.mid -o z.npz --model melody-16bar --track 2
      musicvae encode sentences.txt -o z.npz --model text
    """
    from musicvae.cli.outputs import check_file, check_inputs, files_among, write_all
    from musicvae.cli.reading import windows
    from musicvae.cli.songs import load_model, preset_of_model, read_song, tell_remarks
    from musicvae.cli.talk import say

    reader = preset_of_model(model).representation
    check_inputs([song], reader)
    check_file(output, ENDINGS, files_among([song]))
    read = read_song(reader, song, track, force, strict)
    vae = load_model(model, device)
    codes = vae.encode(read.examples)
    write_all({output: codes.save})
    tell_remarks(read)
    say(f"{output}: {windows(reader, len(codes))}, {vae.z_size} numbers each")
