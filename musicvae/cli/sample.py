"""`musicvae sample`: new music."""

from __future__ import annotations

from musicvae.cli.options import (
    MODEL,
    Chords,
    Count,
    Device,
    MidiOrFolder,
    Model,
    Seed,
    Temperature,
    Wav,
    check_count,
    chosen,
)


def sample(
    output: MidiOrFolder,
    n: Count = 8,
    chords: Chords = None,
    wav: Wav = None,
    model: Model = MODEL,
    temperature: Temperature = 0.5,
    seed: Seed = None,
    device: Device = "auto",
) -> None:
    """Make new music out of nothing.

    Examples:

      musicvae sample -o out/
      musicvae sample -n 4 -o four.mid --temperature 0.8
      musicvae sample -o out/ --model trio-16bar --seed 7 --wav trios.wav
      musicvae sample -o out/ --model run/checkpoint --chords "C G Am F"
    """
    from musicvae.cli.outputs import check_file_or_folder, check_wav, write_pieces
    from musicvae.cli.songs import load_model
    from musicvae.cli.talk import say

    check_count(n)
    check_file_or_folder(output)
    check_wav(wav)
    seed = chosen(seed)
    vae = load_model(model, device)
    pieces = vae.sample(n, chords=chords, temperature=temperature, seed=seed)
    say(write_pieces(vae.representation.write, pieces, output, f"sample-{seed}", wav))
    say(f"The same again: --seed {seed}")
