"""`musicvae interpolate`: one song turns into another."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from musicvae.cli.options import (
    MODEL,
    Chords,
    Device,
    Force,
    Model,
    OutputOrFolder,
    Seed,
    Strict,
    TemperatureBetween,
    Wav,
)

if TYPE_CHECKING:
    from musicvae.cli.songs import Song
    from musicvae.pipeline.walk import Walk

PLOTTED_STEPS = 9  # more do not fit on a page


def interpolate(
    a: Annotated[str, typer.Argument(metavar="A", help="The song to begin with.")],
    b: Annotated[
        str,
        typer.Argument(
            metavar="B", help="The song to end with. Of text: .txt files, or words in quotes."
        ),
    ],
    output: OutputOrFolder = None,
    bars: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Length of the way. Default: that of the longer song, within limits."
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            help="Instead: N steps from the first bars of A to the first bars of B, or from "
            "sentence to sentence: 9 by default.",
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(metavar="OUT.PNG", help="Draw piano rolls of start, steps and end."),
    ] = None,
    wav: Wav = None,
    lock: Annotated[
        list[str] | None,
        typer.Option(metavar="PART", help="A part that goes on as in A, such as drums of a trio."),
    ] = None,
    chords: Chords = None,
    track_a: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A's track to read, by name or number, or bass=NAME."),
    ] = None,
    track_b: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="The same for B.")
    ] = None,
    force: Force = False,
    strict: Strict = False,
    model: Model = MODEL,
    temperature: TemperatureBetween = None,
    seed: Seed = None,
    device: Device = "auto",
) -> None:
    """Turn one song into another.

    The whole of A becomes the whole of B; tempo and sound change on the way. See
    `musicvae inspect` for the tracks of a file and which of them are read.

    Examples:

      musicvae interpolate a.mid b.mid -o morph.mid
      musicvae interpolate a.mid b.mid -o morph.mid --bars 32 --wav morph.wav
      musicvae interpolate a.mid b.mid -o steps/ --steps 9 --plot steps.png
      musicvae interpolate a.mid b.mid -o trio.mid --model trio-16bar --lock drums
      musicvae interpolate "I like tea." "She went home." --model text
    """
    from musicvae.cli.options import chosen
    from musicvae.cli.reading import subject, windows
    from musicvae.cli.songs import load_model, preset_of_model, read_song, tell_remarks
    from musicvae.cli.talk import say
    from musicvae.representations.abilities import temperature_between

    reader = preset_of_model(model).representation
    in_steps = _check(reader, [a, b], output, steps, bars, plot, wav)
    songs = [read_song(reader, s, t, force, strict) for s, t in ((a, track_a), (b, track_b))]
    vae = load_model(model, device)
    seed = chosen(seed)
    temperature = temperature_between(reader) if temperature is None else temperature
    walk = vae.walk(
        *(s.examples for s in songs),
        steps=steps,
        bars=bars,
        lock=lock or (),
        chords=chords,
        temperature=temperature,
        seed=seed,
    )
    aside = output is None
    for song in songs:
        tell_remarks(song, aside)
        if in_steps and len(song.examples) > 1:
            of_all = windows(reader, len(song.examples))
            say(f"{song.name}: only the first of {of_all} is used", aside)
    if _same(*songs):
        say(f"Both hold the same {subject(reader)}: the way leads from A to itself.", aside)
    if output is None:
        _print(reader, walk)
    else:
        _write(reader, walk, songs, output, plot, wav)
    if temperature > 0:
        say(f"The same again: --seed {seed}", aside)


def _check(
    reader: Any,
    given: list[str],
    output: Path | None,
    steps: int | None,
    bars: int | None,
    plot: Path | None,
    wav: Path | None,
) -> bool:
    """Refuse at once what cannot end well; whether the way leads from window to window."""
    from musicvae.cli.outputs import check_inputs, check_output, check_plot, check_wav
    from musicvae.cli.reading import subject
    from musicvae.representations.abilities import bars_of

    check_inputs(given, reader)
    if steps is not None and bars is not None:
        raise ValueError("give --steps or --bars, not both")
    if bars is not None and bars_of(reader) is None:
        raise ValueError(f"--bars is for models of music: {subject(reader)} is made in --steps")
    if steps is not None and steps < 2:
        raise ValueError(f"--steps counts both ends, so it is 2 or more, not {steps}")
    in_steps = steps is not None or bars_of(reader) is None
    check_output(output, reader, given, folder=in_steps)
    check_plot(plot, given, reader)
    check_wav(wav, given, reader)
    return in_steps


def _same(a: Song, b: Song) -> bool:
    """Whether two songs give the same windows."""
    return len(a.examples) == len(b.examples) and all(
        x.tokens.tobytes() == y.tokens.tobytes() and x.lengths.tobytes() == y.lengths.tobytes()
        for x, y in zip(a.examples, b.examples, strict=True)
    )


def _print(reader: Any, walk: Walk) -> None:
    """A line for each step, beside how far along it is."""
    for alpha, step in zip(walk.alphas, walk.steps, strict=True):
        typer.echo(f"{alpha:.2f}  {reader.shown(step)}")


def _write(
    reader: Any,
    walk: Walk,
    songs: list[Song],
    output: Path,
    plot: Path | None,
    wav: Path | None,
) -> None:
    from musicvae.cli.outputs import is_folder, put, sound_of

    pieces = walk.steps if is_folder(output) else [walk.whole]
    beside: dict[Path, Callable[[Path], Any]] = {}
    if plot is not None:
        beside[plot] = partial(_plot, reader, walk, [s.stem for s in songs])
    beside |= sound_of(reader, [walk.whole], wav)
    stem = f"{songs[0].stem}-to-{songs[1].stem}"
    put(reader, pieces, output, stem, beside=beside, about=_length(reader, walk))


def _plot(reader: Any, walk: Walk, names: list[str], path: Path) -> None:
    from musicvae.notes.pianoroll import plot_pianorolls

    count = len(walk.steps)
    shown = min(count, PLOTTED_STEPS)
    rows = [round(i * (count - 1) / (shown - 1)) for i in range(shown)]
    scores = [walk.start, *(walk.steps[i] for i in rows), walk.end]
    titles = [names[0], *(f"{walk.alphas[i]:.0%}" for i in rows), names[1]]
    plot_pianorolls([reader.heard(score) for score in scores], titles, path)


def _length(reader: Any, walk: Walk) -> str:
    """Such as "8 steps, 0:32, tempo 120 to 96"."""
    from musicvae.cli.talk import duration, plural
    from musicvae.representations.abilities import Audible

    steps = plural(len(walk.steps), "step")
    if not isinstance(reader, Audible):
        return steps
    whole = reader.heard(walk.whole)
    tempos = [f"{t.qpm:.0f}" for t in (whole.tempos[0], whole.tempos[-1])]
    tempo = " to ".join(dict.fromkeys(tempos))
    return f"{steps}, {duration(whole.total_seconds)}, tempo {tempo}"
