"""What is in a file, and what each kind of model would make of it, as plain values for JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musicvae.notes.score import Score


def kinds(bars: int | None) -> dict[str, Any]:
    """What each kind of model reads, in windows of `bars` or as our own models do."""
    from musicvae.representations.drums import Drums
    from musicvae.representations.groove import Groove
    from musicvae.representations.melody import Melody
    from musicvae.representations.multitrack import Multitrack
    from musicvae.representations.trio import Trio

    short, long = bars if bars is not None else 2, bars if bars is not None else 16
    return {
        "melody": Melody(bars=short),
        "drums": Drums(bars=short),
        "groove": Groove(bars=short),
        "trio": Trio(bars=long),
        "tracks": Multitrack(),
    }


def find_all(
    name: str,
    source: Any,
    readers: Mapping[str, Any],
    parts: Mapping[str, str],
    force: bool,
) -> dict[str, Any]:
    """All that `musicvae inspect` shows; `parts` are tracks asked for as melody and bass.

    All readers have sources of the same kind. Raises `ValueError` for a track that is not there.
    """
    from musicvae.representations.abilities import Audible

    first = next(iter(readers.values()))
    facts = _facts(first.heard(source), parts) if isinstance(first, Audible) else {}
    kinds = {kind: _reading(reader, source, force) for kind, reader in readers.items()}
    return {"file": name, **facts, "kinds": kinds}


def _facts(score: Score, parts: Mapping[str, str]) -> dict[str, Any]:
    """What there is in music, whoever reads it."""
    from musicvae.notes.key import estimate_key, key_name
    from musicvae.notes.transform import bar_starts

    guess = estimate_key(score)
    return {
        "seconds": round(score.total_seconds, 3),
        "bars": len(bar_starts(score)) - 1 if len(score) else 0,
        "tempos": [{"seconds": t.time, "quarters_per_minute": t.qpm} for t in score.tempos],
        "meters": [{"seconds": m.time, "meter": str(m)} for m in score.meters],
        "keys": [{"seconds": k.time, "key": key_name(k)} for k in score.keys],
        "estimated_key": key_name(guess) if guess else None,
        "chords": _chords(score),
        "tracks": [_track(score, i) for i in range(len(score.tracks))],
        "parts": _parts(score, parts),
    }


def _reading(representation: Any, source: Any, force: bool) -> dict[str, Any]:
    """What a representation makes of a source: windows, and what was decided on the way."""
    from musicvae.cli.reading import with_meter
    from musicvae.representations.abilities import Printable, bars_of, nouns_of

    if force and hasattr(representation, "meters"):
        representation = with_meter(representation, source)
    used = representation.survey(source)
    every = representation.survey(source, overlap=True)
    found = {
        "unit": nouns_of(representation).window,
        "bars": bars_of(representation),
        "windows": {"kept": len(used.examples), "dropped": dict(used.dropped)},
        "training_windows": {"kept": len(every.examples), "dropped": dict(every.dropped)},
        "remarks": list(used.remarks),
    }
    shows = isinstance(representation, Printable)
    lines = [representation.shown(representation.decode([e])) for e in used.examples if shows]
    return found | ({"lines": lines} if shows else {})


def _parts(score: Score, asked: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Who would play melody, bass and drums, and why."""
    from musicvae.notes.errors import Rejected
    from musicvae.representations.trio_parts import cast_parts

    try:
        cast = cast_parts(score, asked.get("melody"), asked.get("bass"))
    except Rejected as rejection:
        return {part: {"tracks": [], "why": rejection.detail} for part in asked or ("melody",)}
    tracks: Sequence[Sequence[int]] = (
        [] if cast.melody is None else [cast.melody],
        [] if cast.bass is None else [cast.bass],
        cast.drums,
    )
    return {
        part: {"tracks": list(of_part), "why": why.removeprefix(f"{part}: ")}
        for part, of_part, why in zip(
            ("melody", "bass", "drums"), tracks, cast.remarks, strict=True
        )
    }


def _chords(score: Score) -> dict[str, Any]:
    """The chords of each bar, those of the file or, if it states none, those heard in it."""
    import numpy as np

    from musicvae.notes.chord_inference import infer_chords
    from musicvae.notes.transform import bar_starts

    chords = score.chords or infer_chords(score)[0]
    starts = bar_starts(score)
    bars: list[list[str]] = [[] for _ in starts[:-1]]
    at = np.searchsorted(starts, [c.time + 1e-4 for c in chords], side="right") - 1
    for bar, chord in zip(at.tolist(), chords, strict=True):
        if 0 <= bar < len(bars):
            bars[bar].append(chord.symbol)
    begins = {
        bar: chord.time - float(starts[bar])
        for bar, chord in zip(at.tolist()[::-1], chords[::-1], strict=True)
        if 0 <= bar < len(bars)
    }
    last = "N.C."
    for bar, symbols in enumerate(bars):
        if not symbols or begins[bar] > 1e-3:
            symbols.insert(0, last)
        last = symbols[-1]
    named = bool(chords) and any(c.symbol != "N.C." for c in chords)
    return {"stated": bool(score.chords), "bars": [" ".join(b) for b in bars] if named else []}


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
