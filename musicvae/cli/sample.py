"""`musicvae sample`: new music, or whatever a model makes."""

from __future__ import annotations

from musicvae.cli.options import (
    MODEL,
    Chords,
    Count,
    Device,
    Model,
    OutputOrFolder,
    Seed,
    Temperature,
    Wav,
    check_count,
    chosen,
)


def sample(
    output: OutputOrFolder = None,
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
      musicvae sample -n 5 --model text
    """
    from musicvae.cli.outputs import check_output, check_wav, put, sound_of
    from musicvae.cli.songs import load_model, preset_of_model
    from musicvae.cli.talk import say

    check_count(n)
    reader = preset_of_model(model).representation
    check_output(output, reader, folder=True)
    check_wav(wav, [], reader)
    seed = chosen(seed)
    vae = load_model(model, device)
    pieces = vae.sample(n, chords=chords, temperature=temperature, seed=seed)
    put(reader, pieces, output, f"sample-{seed}", beside=sound_of(reader, pieces, wav))
    say(f"The same again: --seed {seed}", aside=output is None)
