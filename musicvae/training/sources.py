"""Where examples come from: files, folders of files, and the corpus that music21 brings along.

An `Item` is one file. Most hold one piece of music or text; a tune book holds many.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from musicvae.representations.base import Representation
from musicvae.training.splits import SPLITS

MUSIC21 = "music21"  # the source that is no file


@dataclass(frozen=True, kw_only=True)
class Item:
    """A file to read; `collection` names the part of the music21 corpus that it belongs to.

    `split` is the place in `SPLITS` of the split that it was given for; None if that is drawn.
    """

    name: str
    path: str
    collection: str = ""
    split: int | None = None


@dataclass(frozen=True, kw_only=True)
class Piece:
    """One piece, not yet read. Pieces of one `work` stay in one split; None is held back."""

    name: str
    work: str
    read: Callable[[], Any] | None


def list_items(
    sources: Sequence[str | Path],
    representation: Representation[Any],
    *,
    valid: Sequence[str | Path] = (),
    test: Sequence[str | Path] = (),
) -> list[Item]:
    """All files of the sources that `representation` reads, in a fixed order, each once.

    A file that is named itself is taken whatever its name; one that is among those for `test` or
    `valid` is kept for that split. Raises `ValueError` for a source that is not there and if
    nothing is found.
    """
    items = _all_items(sources, representation)
    for name, kept in (("valid", valid), ("test", test)):
        if kept:
            split = SPLITS.index(name)
            found = _all_items(kept, representation)
            items |= {path: replace(item, split=split) for path, item in found.items()}
    return list(items.values())


def _all_items(
    sources: Sequence[str | Path], representation: Representation[Any]
) -> dict[str, Item]:
    items: dict[str, Item] = {}
    for source in sources:
        for item in _items_of(source, representation):
            items.setdefault(item.path, item)
    if not items:
        wanted = " or ".join(representation.extensions)
        found = ", ".join(map(str, sources)) or "nothing"
        raise ValueError(f"no {wanted} file in {found}: nothing to prepare")
    return items


def pieces_of(item: Item, representation: Representation[Any]) -> Iterator[Piece]:
    """The pieces of a file. Reading them may raise anything that a broken file can cause."""
    if item.collection:
        from musicvae.training.corpus import pieces_of_corpus_file

        yield from pieces_of_corpus_file(item)
    else:
        read = partial(representation.read, item.path)
        yield Piece(name=item.name, work=item.path, read=read)


def _items_of(source: str | Path, representation: Representation[Any]) -> list[Item]:
    path = Path(source)
    if path.is_dir():
        return _items_in(path, tuple(e.lower() for e in representation.extensions))
    if path.is_file():
        return [Item(name=path.name, path=str(path))]
    if str(source) == MUSIC21:
        if ".mid" not in representation.extensions:
            raise ValueError("the source music21 gives music, which this model does not read")
        from musicvae.training.corpus import list_corpus

        return list_corpus()
    raise ValueError(f"there is no file or folder {source} to prepare from")


def _items_in(folder: Path, extensions: tuple[str, ...]) -> list[Item]:
    found = []
    for parent, folders, names in os.walk(folder):
        folders.sort()
        for name in sorted(names):
            if name.lower().endswith(extensions) and not name.startswith("."):
                path = os.path.join(parent, name)  # noqa: PTH118 - ten times faster than Path
                found.append(Item(name=os.path.relpath(path, folder), path=path))
    return found
