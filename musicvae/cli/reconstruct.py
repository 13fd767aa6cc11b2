"""`musicvae reconstruct`: a song through the model and back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from musicvae.cli.options import (
    MODEL,
    Device,
    Force,
    Json,
    Midi,
    Model,
    Seed,
    Song,
    Temperature,
    Track,
    chosen,
)

if TYPE_CHECKING:
    import numpy as np

BLOCKS = "▁▂▃▄▅▆▇█"
BARS_IN_A_LINE = 64
MOST_BLOCKS = 512  # of a longer song each block shows several bars
GOOD, FAIR = 0.9, 0.7  # of the steps in a bar: green, yellow, and red below


def reconstruct(
    song: Song,
    output: Midi,
    track: Track = None,
    force: Force = False,
    model: Model = MODEL,
    temperature: Temperature = 0.0,
    seed: Seed = None,
    device: Device = "auto",
    json: Json = False,
) -> None:
    """Send a song through the model, and show how much of each bar comes back.

    Examples:

      musicvae reconstruct song.mid -o out.mid
      musicvae reconstruct song.mid -o out.mid --track vocals --json
    """
    from musicvae.cli.outputs import MIDI, check_file, check_inputs, write_all
    from musicvae.cli.songs import load_model, preset_of_model, read_song
    from musicvae.cli.talk import print_json, say

    check_inputs([song])
    check_file(output, MIDI, [song])
    read = read_song(preset_of_model(model).representation, song, track, force)
    vae = load_model(model, device)
    seed = chosen(seed)
    result = vae.reconstruct(read.examples, temperature=temperature, seed=seed)
    write_all({output: partial(vae.representation.write, result.result)})
    bars = result.bars
    if json:
        figures = {
            "accuracy": result.share,
            "parts": dict(result.parts),
            "bars": bars.tolist(),
            "remarks": list(read.remarks),
        }
        print_json({"file": str(song), "output": str(output), "seed": seed, **figures})
        return
    say(f"{song}: {'; '.join(read.remarks)}")
    _print_bars(bars)
    exact = f"{int((bars == 1).sum()):,} of {len(bars):,} bars exactly"
    steps = "sixteenths" if result.linked else "events"
    say(f"{result.share:.1%} of all {steps} came back right; {exact}.")
    if result.parts:
        say(", ".join(f"{name} {share:.1%}" for name, share in result.parts.items()) + ".")
    say(str(output))
    if temperature > 0:
        say(f"The same again: --seed {seed}")


def _print_bars(bars: np.ndarray) -> None:
    """A block for each bar: the fuller and greener, the more of it came back."""
    import numpy as np
    from rich.text import Text

    from musicvae.cli.talk import say, tell

    size = -(-len(bars) // MOST_BLOCKS)
    blocks = [float(np.mean(bars[i : i + size])) for i in range(0, len(bars), size)]
    each = "each bar" if size == 1 else f"every {size} bars"
    say(f"How much of {each} came back, from none (▁) to all (█):")
    width = len(str(len(bars)))
    for at in range(0, len(blocks), BARS_IN_A_LINE):
        line = Text(f"  {at * size + 1:>{width}}  ")
        for share in blocks[at : at + BARS_IN_A_LINE]:
            colour = "green" if share >= GOOD else "yellow" if share >= FAIR else "red"
            line.append(BLOCKS[int(share * (len(BLOCKS) - 1))], style=colour)
        tell().print(line)
