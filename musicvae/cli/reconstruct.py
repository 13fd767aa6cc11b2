"""`musicvae reconstruct`: a song through the model and back."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import typer

from musicvae.cli.options import (
    MODEL,
    Device,
    Force,
    Json,
    Model,
    Output,
    Seed,
    Song,
    Strict,
    Temperature,
    Track,
    chosen,
)

if TYPE_CHECKING:
    import numpy as np

    from musicvae.pipeline.reconstructed import Reconstructed

BLOCKS = "▁▂▃▄▅▆▇█"
BARS_IN_A_LINE = 64
MOST_BLOCKS = 512  # of a longer song each block shows several bars
SHOWN = 10  # windows, where each is shown and all are written
GOOD, FAIR = 0.9, 0.7  # of the steps in a bar: green, yellow, and red below


def reconstruct(
    song: Song,
    output: Output = None,
    track: Track = None,
    force: Force = False,
    strict: Strict = False,
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
      musicvae reconstruct "I like tea." --model text
    """
    from musicvae.cli.outputs import check_inputs, check_output, write_all
    from musicvae.cli.songs import load_model, preset_of_model, read_song, tell_remarks
    from musicvae.cli.talk import print_json, say

    reader = preset_of_model(model).representation
    check_inputs([song], reader)
    check_output(output, reader, [song])
    read = read_song(reader, song, track, force, strict)
    vae = load_model(model, device)
    seed = chosen(seed)
    result = vae.reconstruct(read.examples, temperature=temperature, seed=seed)
    if output is not None:
        write_all({output: partial(reader.write, result.result)})
    if json:
        written = None if output is None else str(output)
        figures = _figures(reader, result)
        remarks = {"remarks": list(read.remarks)}
        print_json({"file": song, "output": written, "seed": seed, **figures, **remarks})
        return
    tell_remarks(read)
    _print(reader, result, None if output is None else SHOWN)
    if output is not None:
        say(str(output))
    if temperature > 0:
        say(f"The same again: --seed {seed}")


def _figures(reader: Any, result: Reconstructed) -> dict[str, Any]:
    """What came back, as plain values for JSON."""
    from musicvae.representations.abilities import nouns_of

    pairs = [{"before": before, "after": after} for before, after in _pairs(reader, result)]
    return {
        "accuracy": result.share,
        "parts": dict(result.parts),
        f"{nouns_of(reader).segment}s": result.bars.tolist(),
        **({"pairs": pairs} if pairs else {}),
    }


def _pairs(reader: Any, result: Reconstructed) -> list[tuple[str, str]]:
    """Each window before and after, where they can be shown in lines of text."""
    from musicvae.representations.abilities import Printable

    shows = isinstance(reader, Printable)
    both = zip(result.before, result.after, strict=True) if shows else ()
    return [(reader.shown(reader.decode([a])), reader.shown(reader.decode([b]))) for a, b in both]


def _print(reader: Any, result: Reconstructed, most: int | None) -> None:
    """What came back, at most so many windows of it where each is shown."""
    from musicvae.cli.talk import plural, say
    from musicvae.representations.abilities import nouns_of

    bars, nouns = result.bars, nouns_of(reader)
    pairs = _pairs(reader, result)
    for (before, after), share in list(zip(pairs, bars.tolist(), strict=False))[:most]:
        typer.echo(f"{share:>5.0%}  {before}\n       {after}")
    if most is not None and len(pairs) > most:
        say(f"and {len(pairs) - most:,} more")
    if not pairs:
        _print_bars(bars)
    exact = f"{int((bars == 1).sum()):,} of {plural(len(bars), nouns.segment)} exactly"
    say(f"{result.share:.1%} of all {nouns.step}s came back right; {exact}.")
    if result.parts:
        say(", ".join(f"{name} {share:.1%}" for name, share in result.parts.items()) + ".")


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
