"""`musicvae groove`: drums as a drummer plays them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from musicvae.cli.options import Device, Force, Midi, Seed, Temperature, Track, Wav, chosen

TASKS = ("humanize", "tap")


def groove(
    task: Annotated[str, typer.Argument(metavar="humanize|tap", help="What to do: see below.")],
    song: Annotated[Path, typer.Argument(metavar="SONG.MID", help="A MIDI file of any length.")],
    output: Midi,
    track: Track = None,
    force: Force = False,
    plot: Annotated[
        Path | None, typer.Option(metavar="OUT.PNG", help="Draw the drums before and after.")
    ] = None,
    wav: Wav = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", metavar="NAME", help="Default: groove-2bar-humanize or -tap."
        ),
    ] = None,
    temperature: Temperature = 0.0,
    seed: Seed = None,
    device: Device = "auto",
) -> None:
    """Play the drums of a file like a drummer, or make drums of a rhythm.

    humanize: the notes of the drums stay, and become as loud, as early and as late as a drummer
    would play them. tap: a rhythm becomes a full drum kit; it is that of the file's drums, or of
    all its notes if it has none. The rest of the file stays as it is.

    Examples:

      musicvae groove humanize beat.mid -o out.mid
      musicvae groove tap clapping.mid -o out.mid --wav out.wav
    """
    from musicvae.cli.outputs import (
        MIDI,
        PICTURES,
        SOUNDS,
        check_file,
        check_inputs,
        render,
        write_all,
    )
    from musicvae.cli.talk import plural, say

    if task not in TASKS:
        raise ValueError(f"groove does {' or '.join(TASKS)}, not {task!r}")
    check_inputs([song])
    check_file(output, MIDI, [song])
    for beside, endings in ((wav, SOUNDS), (plot, PICTURES)):
        if beside is not None:
            check_file(beside, endings, [song])
    seed = chosen(seed)
    done = _play(
        task, song, track, force, model or f"groove-2bar-{task}", device, temperature, seed
    )
    from musicvae.notes.midi import write_midi

    writers: dict[Path, Callable[[Path], Any]] = {output: partial(write_midi, done.result)}
    if plot is not None:
        writers[plot] = partial(_plot, done, song.stem, task)
    if wav is not None:
        writers[wav] = partial(render, done.result)
    write_all(writers)
    say(f"{song}: {'; '.join(done.remarks)}")
    for path in writers:
        say(f"{path}: {plural(done.windows, 'window')}" if path == output else str(path))
    if temperature > 0:
        say(f"The same again: --seed {seed}")


def _play(
    task: str,
    song: Path,
    track: list[str] | None,
    force: bool,
    model: str,
    device: str,
    temperature: float,
    seed: int,
) -> Any:
    from musicvae.cli.reading import with_meter, with_tracks
    from musicvae.cli.songs import load_model, naming, preset_of_model
    from musicvae.representations.groove_notes import as_reader
    from musicvae.representations.groove_tasks import Humanize, Tap

    preset = preset_of_model(model)
    reader = as_reader(preset.representation, Humanize if task == "humanize" else Tap, preset.name)
    reader = with_tracks(reader, track or ())
    with naming(song, reader):
        score = reader.read(song)
        if force:
            reader = with_meter(reader, score)
        if task == "humanize":
            reader.encode(score)  # what cannot be read is refused before torch is loaded
        vae = load_model(model, device)
        from musicvae.pipeline import groove as performance

        play = performance.humanize if task == "humanize" else performance.tap
        return play(vae, score, reading=reader, temperature=temperature, seed=seed)


def _plot(done: Any, name: str, task: str, path: Path) -> None:
    from musicvae.notes.pianoroll import plot_pianorolls

    after = {"humanize": "humanized", "tap": "with drums"}[task]
    plot_pianorolls([done.before, done.after], [name, f"{name}, {after}"], path)
