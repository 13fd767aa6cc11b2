"""`musicvae sample`: new melodies."""

from __future__ import annotations

from musicvae.cli.options import (
    MODEL,
    Count,
    Device,
    MidiOrFolder,
    Model,
    Seed,
    Temperature,
    check_count,
    chosen,
)


def sample(
    output: MidiOrFolder,
    n: Count = 8,
    model: Model = MODEL,
    temperature: Temperature = 0.5,
    seed: Seed = None,
    device: Device = "auto",
) -> None:
    """Make new melodies out of nothing.

    Examples:

      musicvae sample -o out/
      musicvae sample -n 4 -o four.mid --temperature 0.8
      musicvae sample -o out/ --model melody-16bar --seed 7
    """
    from musicvae.cli.outputs import check_file_or_folder, write_pieces
    from musicvae.cli.songs import load_model
    from musicvae.cli.talk import say

    check_count(n)
    check_file_or_folder(output)
    seed = chosen(seed)
    vae = load_model(model, device)
    pieces = vae.sample(n, temperature=temperature, seed=seed)
    say(write_pieces(vae.representation.write, pieces, output, f"sample-{seed}"))
    say(f"The same again: --seed {seed}")
