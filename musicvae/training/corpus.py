"""The folk tunes and chorales in music21's corpus, as scores.

Aird's Airs, Ryan's Mammoth Collection, O'Neill's Music of Ireland, some more folk tunes, and Bach's
chorales, part by part: public-domain music that `pip install music21` brings along. Tunes that are
held back to judge trained models (`heldout_hashes.txt`) are left out.

music21 reads some tunes otherwise than they are written (repeats, accidentals after fingerings),
which is good enough to learn from and not to publish.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, partial
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np

from musicvae.notes.errors import InvalidMusic
from musicvae.notes.score import DEFAULT_QPM, Meter, Score, Tempo, Track
from musicvae.training.sources import Item, Piece

TUNE_BOOKS = ("airdsAirs", "ryansMammoth", "oneills1850", "miscFolk")
CHORALES = {"bach": ("m21_bach", "m21_bach_keys_high", "m21_bach_keys_low")}
VELOCITY = 80
SECONDS_PER_QUARTER = 60 / DEFAULT_QPM


def list_corpus() -> list[Item]:
    """Every file of the collections. Raises `ValueError` if music21 is not installed."""
    corpus = _music21().corpus
    return [
        Item(name=f"{path.parent.name}/{path.name}", path=str(path), collection=folder)
        for folder in (*TUNE_BOOKS, *CHORALES)
        for path in sorted(map(Path, corpus.getComposer(folder)))
    ]


def pieces_of_corpus_file(item: Item) -> Iterator[Piece]:
    """Each tune of a tune book, counted from 0 as in the file, or each part of a chorale."""
    if item.collection in CHORALES:
        held = any(is_held_back(name, item.name) for name in CHORALES[item.collection])
        if held:
            yield Piece(name=item.name, work=item.name, read=None)
            return
        parts = list(_music21().converter.parse(item.path).parts)
        for k, part in enumerate(parts):
            yield Piece(name=f"{item.name}/{k}", work=item.name, read=partial(_score_of, part))
        return
    for k, text in enumerate(split_tunes(_read_text(item.path))):
        name = f"{item.name}#{k}"
        held = is_held_back(item.collection, name)
        yield Piece(name=name, work=name, read=None if held else partial(_read_tune, text))


def is_held_back(collection: str, item: str) -> bool:
    """Whether a tune is kept for judging models and must not be learned from."""
    digest = blake2b(f"mvae-private-v1:{collection}|{item}".encode(), digest_size=8)
    return digest.hexdigest() in _held_back()


def split_tunes(abc: str) -> list[str]:
    """The tunes of an ABC file; each begins with its reference number, `X:` (ABC 2.1, 3.1.1)."""
    starts = [m.start() for m in re.finditer(r"^X:", abc, re.MULTILINE)]
    return [abc[a:b] for a, b in zip(starts, [*starts[1:], len(abc)], strict=True)]


@cache
def _held_back() -> frozenset[str]:
    lines = Path(__file__).with_name("heldout_hashes.txt").read_text().splitlines()
    return frozenset(line for line in lines if line and not line.startswith("#"))


def _music21() -> Any:
    try:
        import music21
    except ImportError:
        raise ValueError(
            "the source music21 needs the package of that name: pip install music21"
        ) from None
    return music21


def _read_text(path: str) -> str:
    raw = Path(path).read_bytes()
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _read_tune(abc: str) -> Score:
    tune = _music21().converter.parse(abc, format="abc")
    parts = list(tune.parts)
    if not parts:
        raise InvalidMusic("the tune has no notes")
    return _score_of(parts[0])


def _score_of(part: Any) -> Score:
    """A part of music21 -> a score at 120 quarter notes a minute."""
    flat = part.stripTies().flatten()
    rows = [
        (float(n.offset), float(n.offset + n.quarterLength), p.midi)
        for n in flat.notes
        if n.quarterLength > 0 and "Harmony" not in n.classes  # no grace notes, no chord symbols
        for p in n.pitches
    ]
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    meters = [
        Meter(float(m.offset) * SECONDS_PER_QUARTER, m.numerator, m.denominator)
        for m in flat.getElementsByClass("TimeSignature")
    ]
    return Score(
        pitch=table[:, 2].astype(np.uint8),
        velocity=np.full(len(rows), VELOCITY, dtype=np.uint8),
        start=table[:, 0] * SECONDS_PER_QUARTER,
        end=table[:, 1] * SECONDS_PER_QUARTER,
        track=np.zeros(len(rows), dtype=np.int32),
        tracks=(Track(name=str(part.partName or "")),),
        tempos=(Tempo(0.0, DEFAULT_QPM),),
        meters=tuple(meters),
    )
