"""`musicvae inspect`: what is in a file, and what of it each kind of model would read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from musicvae.cli.options import Force, Json, Song, Track

SHOWN = 4  # changes of tempo, meter or key that are printed
SHOWN_BARS = 8  # whose chords are printed
SHOWN_TRACKS = 12
SHOWN_REMARKS = 6
SHOWN_LINES = 10  # of what is read, where lines can show it


def inspect(
    song: Song,
    model: Annotated[
        str | None, typer.Option("--model", "-m", metavar="NAME", help="Speak of this model alone.")
    ] = None,
    bars: Annotated[
        int | None,
        typer.Option(metavar="N", help="How many bars are read at a time. Default: 2, a trio 16."),
    ] = None,
    track: Track = None,
    force: Force = False,
    json: Json = False,
) -> None:
    """Show what is in a file, and what each kind of model would read of it and why.

    Examples:

      musicvae inspect song.mid
      musicvae inspect song.mid --model trio-16bar --track bass=3
      musicvae inspect song.mid --bars 16 --json
      musicvae inspect sentences.txt --model text
    """
    from musicvae.cli.findings import find_all
    from musicvae.cli.outputs import check_inputs
    from musicvae.cli.songs import naming
    from musicvae.cli.talk import print_json

    model = model or _only_reader(song)
    readers, parts = _readers(model, bars, track or [])
    first = next(iter(readers.values()))
    check_inputs([song], first)
    with naming(song, first):
        found = find_all(song, first.read(song), readers, parts, force)
    if json:
        print_json(found)
    else:
        _print(found, model)


def _only_reader(song: str) -> str | None:
    """The model at hand that reads such files, where no kind of music does."""
    from musicvae.cli.findings import kinds
    from musicvae.cli.songs import find_model

    ending = Path(song).suffix.lower()
    if not ending or any(ending in reader.extensions for reader in kinds(None).values()):
        return None
    return find_model(lambda r: ending in r.extensions)


def _readers(
    model: str | None, bars: int | None, tracks: list[str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """What is to be read how, by name, and the tracks asked for as melody and bass."""
    from musicvae.cli.findings import kinds
    from musicvae.cli.reading import split_track, takes, with_tracks

    if model is not None:
        if bars is not None:
            raise ValueError("give --model or --bars, not both: a model has its number of bars")
        return {model: with_tracks(_of_model(model), tracks)}, {}
    readers = kinds(bars)
    parts: dict[str, str] = {}
    for said in tracks:
        part, name = split_track(said)
        part = part or "melody"
        parts[part] = name
        for kind, reader in readers.items():
            if takes(reader, part):
                readers[kind] = with_tracks(reader, [f"{part}={name}"])
    return readers, parts


def _of_model(name: str) -> Any:
    """What a model reads: one that is at hand, or a recipe that nobody has trained yet."""
    from musicvae.catalogue import shipped
    from musicvae.cli.songs import preset_of_model
    from musicvae.presets import PRESETS

    if name in PRESETS and name not in shipped() and not Path(name).is_dir():
        return PRESETS[name].representation
    return preset_of_model(name).representation


def _print(found: dict[str, Any], model: str | None) -> None:
    from musicvae.cli.talk import say

    say(found["file"])
    if "tracks" in found:
        _print_facts(found)
        say()
        _print_tracks(found["tracks"])
        say()
    if model is None:
        for part, entry in found["parts"].items():
            say(f"{part}: {entry['why']}")
        say()
        _print_kinds(found)
    else:
        _print_model(model, found["kinds"][model])


def _print_facts(found: dict[str, Any]) -> None:
    from musicvae.cli.talk import duration, plain_table, plural, tell

    facts = plain_table("fact", "value")
    facts.show_header = False
    facts.add_row("  length", f"{duration(found['seconds'])}, {plural(found['bars'], 'bar')}")
    facts.add_row("  tempo", _changes(found["tempos"], "quarters_per_minute"))
    facts.add_row("  meter", _changes(found["meters"], "meter") or "none stated: read as 4/4")
    guess = found["estimated_key"]
    guess = f"none stated; the notes suggest {guess}" if guess else "none stated"
    facts.add_row("  key", _changes(found["keys"], "key") or guess)
    facts.add_row("  chords", _chords(found["chords"]))
    tell().print(facts)


def _print_tracks(tracks: list[dict[str, Any]]) -> None:
    from rich.text import Text

    from musicvae.cli.talk import note_name, plain_table, plural, say, tell

    table = plain_table(
        "track", "name", "sound", "notes", "range", "at once", right=("track", "notes", "at once")
    )
    for t in tracks[:SHOWN_TRACKS]:
        span = f"{note_name(t['lowest'])} to {note_name(t['highest'])}" if t["notes"] else ""
        span = "" if t["sound"] == "drums" else span
        cells = (str(t["index"]), t["name"], t["sound"], f"{t['notes']:,}", span, str(t["at_once"]))
        table.add_row(*(Text(cell) for cell in cells))
    tell().print(table)
    if len(tracks) > SHOWN_TRACKS:
        say(f"and {plural(len(tracks) - SHOWN_TRACKS, 'track')} more (--json lists all)")


def _print_kinds(found: dict[str, Any]) -> None:
    """A row for each kind of model, and what it would say that was not said above."""
    from musicvae.cli.talk import left_out, plain_table, plural, say, tell

    numbers = ("windows", "for training")
    table = plain_table("a model of", *numbers, "each", "left out", right=numbers)
    for kind, entry in found["kinds"].items():
        used, every = entry["windows"], entry["training_windows"]
        table.add_row(
            kind,
            f"{used['kept']:,}",
            f"{every['kept']:,}",
            plural(entry["bars"], "bar"),
            left_out(used["dropped"]),
        )
    tell().print(table)
    said = [f"{part}: {entry['why']}" for part, entry in found["parts"].items()]
    more: list[str] = []
    for kind in ("melody", "drums", "groove", "tracks"):
        entry = found["kinds"][kind]
        remarks = entry["remarks"] if entry["windows"]["kept"] else []
        for remark in remarks:
            if not any(_same_choice(remark, other) for other in said):
                said.append(remark)
                more.append(remark if remark.startswith(f"{kind}: ") else f"{kind}: {remark}")
    if more:
        say()
    for remark in more[:SHOWN_REMARKS]:
        say(remark)
    if len(more) > SHOWN_REMARKS:
        say(f"and {plural(len(more) - SHOWN_REMARKS, 'remark')} more (--json lists all)")


def _same_choice(remark: str, other: str) -> bool:
    """Whether two remarks are the same, or name the same track for whatever reason."""
    return remark.partition("): ")[0] == other.partition("): ")[0]


def _print_model(name: str, entry: dict[str, Any]) -> None:
    from musicvae.cli.talk import left_out, plural, say

    for remark in entry["remarks"]:
        say(remark)
    used, every = entry["windows"], entry["training_windows"]
    if not used["kept"]:
        say(f"There is nothing here that {name} could use: {left_out(used['dropped'])}.")
        return
    read, taken = (plural(w["kept"], entry["unit"]) for w in (used, every))
    bars = entry["bars"]
    each = "" if bars is None else f" of {plural(bars, 'bar')}, one after another"
    say(f"{name} reads it as {read}{each}.")
    say(f"Training would take {taken}{'' if bars is None else ', beginning at every bar'}.")
    for dropped, where in ((used["dropped"], ""), (every["dropped"], " of those for training")):
        if dropped:
            say(f"Left out{where}: {left_out(dropped)}.")
    _print_lines(entry.get("lines", []))


def _print_lines(lines: list[str]) -> None:
    """What is read, where lines of text can show it."""
    from musicvae.cli.talk import say

    if lines:
        say("As the model reads it:")
    for line in lines[:SHOWN_LINES]:
        typer.echo(f"  {line}")
    if len(lines) > SHOWN_LINES:
        say(f"and {len(lines) - SHOWN_LINES:,} more (--json lists all)")


def _chords(chords: dict[str, Any]) -> str:
    """Such as "none stated; heard: G | D7 | G C | D7, and 12 more bars"."""
    from musicvae.cli.talk import plural

    bars = chords["bars"]
    if not bars:
        return "none"
    rest = len(bars) - SHOWN_BARS
    more = f", and {plural(rest, 'more bar')}" if rest > 0 else ""
    line = " | ".join(bars[:SHOWN_BARS])
    return f"{'stated' if chords['stated'] else 'none stated; heard'}: {line}{more}"


def _changes(entries: list[dict[str, Any]], name: str) -> str:
    """What holds from the start, and when it changes."""
    from musicvae.cli.talk import duration

    parts: list[tuple[float, str]] = []
    for entry in entries:
        value = entry[name] if isinstance(entry[name], str) else f"{entry[name]:.4g}"
        if not parts or value != parts[-1][1]:
            parts.append((entry["seconds"], value))
    said = [value if at == 0 else f"{value} from {duration(at)}" for at, value in parts[:SHOWN]]
    more = [f"and {len(parts) - SHOWN:,} more changes"] if len(parts) > SHOWN else []
    return ", ".join([*said, *more])
