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
    Seed,
    Temperature,
    Wav,
)

if TYPE_CHECKING:
    from musicvae.cli.songs import Song
    from musicvae.pipeline.walk import Walk

PLOTTED_STEPS = 9  # more do not fit on a page
PICTURES = (".png", ".svg", ".pdf")


def interpolate(
    a: Annotated[Path, typer.Argument(metavar="A.MID", help="The song to begin with.")],
    b: Annotated[Path, typer.Argument(metavar="B.MID", help="The song to end with.")],
    output: Annotated[
        Path,
        typer.Option(
            "--output",
            "-o",
            metavar="OUT.MID",
            help="The MIDI file to write. With --steps also a folder, for a file each.",
        ),
    ],
    bars: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Length of the way. Default: that of the longer song, within limits."
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Instead: N steps from the first bars of A to the first bars of B."
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
    model: Model = MODEL,
    temperature: Temperature = 0.5,
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
    """
    from musicvae.cli.options import chosen
    from musicvae.cli.reading import subject
    from musicvae.cli.songs import load_model, preset_of_model, read_song
    from musicvae.cli.talk import say

    _check(a, b, output, steps, bars, plot, wav)
    reader = preset_of_model(model).representation
    songs = [read_song(reader, p, t, force) for p, t in ((a, track_a), (b, track_b))]
    vae = load_model(model, device)
    for song in songs:
        say(f"{song.path}: {'; '.join(song.remarks)}")
    if _same(*songs):
        say(f"Both hold the same {subject(reader)}: the way leads from A to itself.")
    seed = chosen(seed)
    walk = vae.walk(
        *(s.examples for s in songs),
        steps=steps,
        bars=bars,
        lock=lock or (),
        chords=chords,
        temperature=temperature,
        seed=seed,
    )
    _write(vae.representation.write, walk, songs, output, plot, wav)
    if temperature > 0:
        say(f"The same again: --seed {seed}")


def _check(
    a: Path,
    b: Path,
    output: Path,
    steps: int | None,
    bars: int | None,
    plot: Path | None,
    wav: Path | None,
) -> None:
    """Refuse at once what cannot end well."""
    from musicvae.cli.outputs import MIDI, check_file, check_file_or_folder, check_inputs, check_wav

    check_inputs([a, b])
    if steps is not None and bars is not None:
        raise ValueError("give --steps or --bars, not both")
    if steps is not None and steps < 2:
        raise ValueError(f"--steps counts both ends, so it is 2 or more, not {steps}")
    if steps is None:
        check_file(output, MIDI, [a, b])
    else:
        check_file_or_folder(output, [a, b])
    if plot is not None:
        check_file(plot, PICTURES, [a, b])
    check_wav(wav, [a, b])


def _same(a: Song, b: Song) -> bool:
    """Whether two songs give the same windows."""
    return len(a.examples) == len(b.examples) and all(
        x.tokens.tobytes() == y.tokens.tobytes() and x.lengths.tobytes() == y.lengths.tobytes()
        for x, y in zip(a.examples, b.examples, strict=True)
    )


def _write(
    write: Callable[[Any, Path], None],
    walk: Walk,
    songs: list[Song],
    output: Path,
    plot: Path | None,
    wav: Path | None,
) -> None:
    from musicvae.cli.outputs import numbered, render, write_all
    from musicvae.cli.talk import say

    files = numbered(output, f"{songs[0].path.stem}-to-{songs[1].path.stem}", len(walk.steps))
    pieces = [walk.whole] if len(files) == 1 else walk.steps
    writers: dict[Path, Callable[[Path], Any]] = {
        file: partial(write, piece) for file, piece in zip(files, pieces, strict=True)
    }
    if plot is not None:
        writers[plot] = partial(_plot, walk, [s.path.stem for s in songs])
    if wav is not None:
        writers[wav] = partial(render, walk.whole)
    write_all(writers)
    say(f"{files[0]}{f' to {files[-1].name}' if len(files) > 1 else ''}: {_length(walk)}")
    for path in (plot, wav):
        if path is not None:
            say(str(path))


def _plot(walk: Walk, names: list[str], path: Path) -> None:
    from musicvae.notes.pianoroll import plot_pianorolls

    count = len(walk.steps)
    shown = min(count, PLOTTED_STEPS)
    rows = [round(i * (count - 1) / (shown - 1)) for i in range(shown)]
    scores = [walk.start, *(walk.steps[i] for i in rows), walk.end]
    titles = [names[0], *(f"{walk.alphas[i]:.0%}" for i in rows), names[1]]
    plot_pianorolls(scores, titles, path)


def _length(walk: Walk) -> str:
    """Such as "8 steps, 0:32, tempo 120 to 96"."""
    from musicvae.cli.talk import duration, plural

    whole = walk.whole
    tempos = [f"{t.qpm:.0f}" for t in (whole.tempos[0], whole.tempos[-1])]
    tempo = " to ".join(dict.fromkeys(tempos))
    steps = plural(len(walk.steps), "step")
    return f"{steps}, {duration(whole.total_seconds)}, tempo {tempo}"
