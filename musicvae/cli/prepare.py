"""`musicvae prepare`: files to a dataset."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from musicvae.cli.options import MODEL, Json, Settings, with_settings

if TYPE_CHECKING:
    from musicvae.training.prepare import PreparedStats


def prepare(
    sources: Annotated[
        list[str],
        typer.Argument(metavar="SOURCES...", help="Folders, files, or the word music21."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where the dataset goes.")
    ],
    valid: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE", help="To watch training by, instead of a share of all."),
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option(metavar="SOURCE", help="To judge by, instead of a share of all."),
    ] = None,
    preset: Annotated[
        str, typer.Option(metavar="NAME", help="The model that is to learn from it.")
    ] = MODEL,
    bars: Annotated[
        int | None, typer.Option(metavar="N", help="Windows of so many bars instead.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(metavar="N", help="Processes at work. Default: one a CPU.")
    ] = None,
    settings: Settings = None,
    seed: Annotated[int, typer.Option(metavar="N", help="Chooses what is kept to judge by.")] = 0,
    json: Json = False,
) -> None:
    """Read MIDI files, or texts of a sentence a line, into a dataset to train on.

    A file that cannot be read is counted, and stops nothing. Broken off, the same command goes on.

    Examples:

      musicvae prepare my-midi-files/ -o dataset/
      musicvae prepare music21 more/ -o dataset/ --preset melody-16bar
      musicvae prepare sentences.txt -o dataset/ --preset text
      musicvae prepare sentences.txt -o dataset/ --preset text
        --set 'representation.vocabulary={"kind": "Words", "size": 5000}'
    """
    from dataclasses import asdict

    from musicvae.cli.outputs import check_writable
    from musicvae.cli.talk import counting, print_json
    from musicvae.representations.abilities import nouns_of
    from musicvae.training.prepare import prepare as run

    check_writable(output)
    representation = with_settings(preset, settings or []).representation
    if bars is not None:
        representation = _with_bars(representation, bars)
    if workers is not None and workers < 1:
        raise ValueError(f"--workers is 1 or more, not {workers}")
    workers = workers or os.cpu_count() or 1
    with counting("files") as progress:
        stats = run(
            sources,
            output,
            representation,
            valid=valid or (),
            test=test or (),
            workers=workers,
            seed=seed,
            progress=progress,
        )
    if json:
        print_json({**asdict(stats), "folder": str(stats.folder)})
    else:
        _print(stats, nouns_of(representation).window)


def _with_bars(representation: Any, bars: int) -> Any:
    from dataclasses import fields, replace

    if "bars" not in {f.name for f in fields(representation)}:
        own = getattr(representation, "bars", None)
        what = f"an example is of {own} bar" if own else "an example is not of bars"
        raise ValueError(f"--bars cannot be set here: {what}")
    return replace(representation, bars=bars)


def _print(stats: PreparedStats, window: str) -> None:
    from musicvae.cli.talk import duration, plain_table, plural, reason, say, tell

    examples = sum(stats.examples.values())
    shares = ", ".join(f"{count:,} {split}" for split, count in stats.examples.items())
    pieces = "" if stats.pieces == examples else f"{plural(stats.pieces, 'usable piece')}: "
    say(
        f"{plural(stats.files, 'file')} held {pieces}{plural(examples, window)} "
        f"({shares}), in {duration(stats.seconds)}."
    )
    if stats.learned:
        say(f"Learned from the training part: {stats.learned}.")
    if stats.dropped:
        table = plain_table("left out", f"{window}s, or whole files", right=("left out",))
        for name, count in sorted(stats.dropped.items(), key=lambda item: -item[1]):
            table.add_row(f"{count:,}", reason(name))
        tell().print(table)
    say(f"Dataset: {stats.folder}")
