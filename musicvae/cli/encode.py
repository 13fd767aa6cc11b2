"""`musicvae encode`: a song as numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from musicvae.cli.options import MODEL, Device, Force, Model, Song, Track

ENDINGS = (".npz",)


def encode(
    song: Song,
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="Z.NPZ", help="The file to write.")
    ],
    track: Track = None,
    force: Force = False,
    model: Model = MODEL,
    device: Device = "auto",
) -> None:
    """Write what the model makes of a song: for every few bars, a point in its latent space.

    The file is NumPy's .npz: mean and standard deviation of each window, and where in the song it
    lay. `musicvae decode` makes music of it again.

    Examples:

      musicvae encode song.mid -o z.npz
      musicvae encode song.mid -o z.npz --model melody-16bar --track 2
    """
    from musicvae.cli.outputs import check_file, check_inputs, write_all
    from musicvae.cli.songs import load_model, preset_of_model, read_song
    from musicvae.cli.talk import plural, say

    check_inputs([song])
    check_file(output, ENDINGS, [song])
    reader: Any = preset_of_model(model).representation
    read = read_song(reader, song, track, force)
    vae = load_model(model, device)
    codes = vae.encode(read.examples)
    write_all({output: codes.save})
    say(f"{song}: {'; '.join(read.remarks)}")
    bars = plural(reader.bars, "bar")
    say(f"{output}: {plural(len(codes), 'window')} of {bars}, {vae.z_size} numbers each")
