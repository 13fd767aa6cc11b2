"""How commands talk: text for people on stdout, JSON alone there instead, progress on stderr."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from rich.console import Console
    from rich.table import Table

__all__ = [
    "counting",
    "duration",
    "left_out",
    "note_name",
    "plain_table",
    "plural",
    "print_json",
    "say",
    "tell",
]

# Why music is left out, by the short names under which it is counted.
REASONS = {
    "duplicate": "the same as an earlier one",
    "held-back": "held back for evaluation",
    "missing-part": "in which a part is missing",
    "no-drums": "no drums",
    "no-melody": "no melody found",
    "no-notes": "no notes",
    "no-text": "no sentence",
    "no-trio": "no melody, bass or drums",
    "not-together": "in which the parts do not play together",
    "only-drums": "only drums",
    "only-unknown": "in which nothing is known",
    "silent": "silent",
    "too-big": "too big to be music",
    "too-long": "too long",
    "too-short": "too short",
    "unknown-drums": "no known drums",
    "unreadable": "no readable file",
    "unsupported-meter": "in a meter that cannot be read",
}
# Those of a whole file, of which there is one.
WHOLE = {
    "no-drums", "no-melody", "no-notes", "no-text", "no-trio", "only-drums", "unknown-drums",
}  # fmt: skip
_NOTES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def tell(aside: bool = False) -> Console:
    """Where text for people goes: stdout or stderr, file names and brackets left as they are."""
    from rich.console import Console

    return Console(markup=False, highlight=False, emoji=False, stderr=aside)


def say(text: str = "", aside: bool = False) -> None:
    """A line for people: in a terminal wrapped between words, in a pipe as it is.

    On stderr where it is said `aside`, because stdout is for the result alone.
    """
    console = tell(aside)
    console.print(text, soft_wrap=not console.is_terminal)


def print_json(value: Any) -> None:
    """A value for programs, alone on stdout; what is not a number there is null."""
    typer.echo(json.dumps(_without_nan(value), indent=2, ensure_ascii=False))


def plain_table(*columns: str, right: Sequence[str] = ()) -> Table:
    """A table without lines around it; the columns named in `right` hold numbers."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        side = "right" if column in right else "left"
        table.add_column(column, justify=side, overflow="fold")  # type: ignore[arg-type]
    return table


@contextmanager
def counting(what: str) -> Iterator[Callable[[int, int], None]]:
    """A progress bar on stderr: call what it gives with what is done and how much there is."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(stderr=True)
    bar = Progress(
        *columns, TimeRemainingColumn(), console=console, disable=not console.is_terminal
    )
    with bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def duration(seconds: float) -> str:
    """75.3 -> "1:15"."""
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    minutes = f"{rest // 60}:{rest % 60:02d}"
    return f"{hours}:{minutes:0>5}" if hours else minutes


def reason(name: str) -> str:
    """What a short name says in words."""
    return REASONS.get(name, name.replace("-", " "))


def left_out(dropped: Mapping[str, int]) -> str:
    """Such as "2 too short, no drums"."""
    parts = [reason(n) if n in WHOLE else f"{count:,} {reason(n)}" for n, count in dropped.items()]
    return ", ".join(parts)


def note_name(pitch: int) -> str:
    """60 -> "C4", middle C."""
    return f"{_NOTES[pitch % 12]}{pitch // 12 - 1}"


def plural(count: int, thing: str, things: str = "") -> str:
    """ "1 bar", "2 bars"."""
    return f"{count:,} {thing if count == 1 else things or thing + 's'}"


def _without_nan(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_nan(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_nan(v) for v in value]
    return None if isinstance(value, float) and value != value else value
