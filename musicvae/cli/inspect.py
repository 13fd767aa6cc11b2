"""`musicvae inspect`: what is in a file, and what of it a model would read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from musicvae.cli.options import Json, Song, Track

if TYPE_CHECKING:
    from musicvae.notes.score import Score
    from musicvae.representations.melody import Melody

SHOWN = 4  # changes of tempo, meter or key that are printed


def inspect(
    song: Song,
    bars: Annotated[
        int, typer.Option(metavar="N", help="How many bars a model reads at a time: 2 or 16.")
    ] = 2,
    track: Track = None,
    json: Json = False,
) -> None:
    """Show what is in a file, and which track is taken as its melody and why.

    Examples:

      musicvae inspect song.mid
      musicvae inspect song.mid --track vocals
      musicvae inspect song.mid --bars 16 --json
    """
    from musicvae.cli.outputs import check_inputs
    from musicvae.cli.songs import on_track
    from musicvae.cli.talk import print_json
    from musicvae.representations.melody import Melody

    check_inputs([song])
    representation = on_track(Melody(bars=bars), track)
    score = representation.read(song)
    found = _found(song, score, representation)
    if json:
        print_json(found)
    else:
        _print(found)


def _found(path: Path, score: Score, representation: Melody) -> dict[str, Any]:
    from musicvae.notes.key import estimate_key, key_name
    from musicvae.notes.transform import bar_starts

    used = representation.survey(score)
    every = representation.survey(score, overlap=True)
    guess = estimate_key(score)
    return {
        "file": str(path),
        "seconds": round(score.total_seconds, 3),
        "bars": len(bar_starts(score)) - 1 if len(score) else 0,
        "tempos": [{"seconds": t.time, "quarters_per_minute": t.qpm} for t in score.tempos],
        "meters": [{"seconds": m.time, "meter": str(m)} for m in score.meters],
        "keys": [{"seconds": k.time, "key": key_name(k)} for k in score.keys],
        "estimated_key": key_name(guess) if guess else None,
        "tracks": [_track(score, i) for i in range(len(score.tracks))],
        "remarks": list(used.remarks),
        "window_bars": representation.bars,
        "windows": {"kept": len(used.examples), "dropped": dict(used.dropped)},
        "training_windows": {"kept": len(every.examples), "dropped": dict(every.dropped)},
    }


def _track(score: Score, index: int) -> dict[str, Any]:
    import numpy as np

    from musicvae.notes.programs import PROGRAMS

    track = score.tracks[index]
    own = np.flatnonzero(score.track == index)
    pitch = score.pitch[own]
    return {
        "index": index,
        "name": track.name,
        "program": track.program,
        "sound": "drums" if track.is_drum else PROGRAMS[track.program],
        "notes": len(own),
        "lowest": int(pitch.min()) if len(own) else None,
        "highest": int(pitch.max()) if len(own) else None,
        "at_once": _most_at_once(score.start[own], score.end[own]),
    }


def _most_at_once(start: Any, end: Any) -> int:
    """The largest number of notes that sound together."""
    import numpy as np

    times = np.concatenate([start, end])
    change = np.repeat([1, -1], len(start))
    order = np.lexsort((change, times.round(4)))  # what ends as another starts is over
    return int(np.cumsum(change[order]).max(initial=0))


def _print(found: dict[str, Any]) -> None:
    from musicvae.cli.talk import duration, plain_table, plural, say, tell

    say(found["file"])
    facts = plain_table("fact", "value")
    facts.show_header = False
    facts.add_row("  length", f"{duration(found['seconds'])}, {plural(found['bars'], 'bar')}")
    facts.add_row("  tempo", _changes(found["tempos"], "quarters_per_minute"))
    facts.add_row("  meter", _changes(found["meters"], "meter") or "none stated: read as 4/4")
    guess = found["estimated_key"]
    guess = f"none stated; the notes suggest {guess}" if guess else "none stated"
    facts.add_row("  key", _changes(found["keys"], "key") or guess)
    tell().print(facts)
    say()
    _print_tracks(found["tracks"])
    say()
    for remark in found["remarks"]:
        say(remark)
    _print_windows(found)


def _print_tracks(tracks: list[dict[str, Any]]) -> None:
    from rich.text import Text

    from musicvae.cli.talk import note_name, plain_table, tell

    table = plain_table(
        "track", "name", "sound", "notes", "range", "at once", right=("track", "notes", "at once")
    )
    for t in tracks:
        span = f"{note_name(t['lowest'])} to {note_name(t['highest'])}" if t["notes"] else ""
        span = "" if t["sound"] == "drums" else span
        cells = (str(t["index"]), t["name"], t["sound"], f"{t['notes']:,}", span, str(t["at_once"]))
        table.add_row(*(Text(cell) for cell in cells))
    tell().print(table)


def _print_windows(found: dict[str, Any]) -> None:
    from musicvae.cli.talk import plural, reason, say

    size = plural(found["window_bars"], "bar")
    used, every = found["windows"], found["training_windows"]
    if not used["kept"]:
        say("There is nothing here that a melody model could use.")
    else:
        say(f"A model of {size} reads it as {plural(used['kept'], 'window')}, one after another.")
        say(f"Training would take {plural(every['kept'], 'window')}, beginning at every bar.")
    for dropped, where in ((used["dropped"], ""), (every["dropped"], " of those for training")):
        parts = [f"{count:,} {reason(name)}" for name, count in dropped.items()]
        if parts and used["kept"]:
            say(f"Left out{where}: {', '.join(parts)}.")


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
