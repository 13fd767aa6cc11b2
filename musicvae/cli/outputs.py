"""What commands write: checked before the work begins, and then written whole or not at all."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

MIDI = (".mid", ".midi")


def check_inputs(paths: Iterable[Path]) -> None:
    """Raise `ValueError` for the first that is no file."""
    for path in paths:
        if path.is_dir():
            raise ValueError(f"{path} is a folder: expected a file")
        if not path.exists():
            raise ValueError(f"there is no file {path}")


def check_file(path: Path, endings: tuple[str, ...], inputs: Iterable[Path] = ()) -> None:
    """Raise `ValueError` unless `path` can be written, ends so, and is none of `inputs`."""
    if path.is_dir():
        raise ValueError(f"{path} is a folder: expected the name of a file to write")
    if path.suffix.lower() not in endings:
        raise ValueError(
            f"cannot write {path}: its name has to end in {' or '.join(endings)}"
            + (f", not {path.suffix}" if path.suffix else "")
        )
    for other in inputs:
        if path.resolve() == other.resolve() or (path.exists() and path.samefile(other)):
            raise ValueError(f"{path} is one of the files to read; give another name to write")
    check_writable(path.parent)


def check_file_or_folder(path: Path, inputs: Iterable[Path] = ()) -> None:
    """The same for what may be a folder, which is a name without an ending."""
    if is_folder(path):
        check_writable(path)
    else:
        check_file(path, MIDI, inputs)


def check_writable(folder: Path) -> None:
    """Raise `ValueError` unless files can be made in `folder`, or where it would be made."""
    there = folder
    while not there.exists():
        there = there.parent
    if not there.is_dir():
        raise ValueError(f"cannot write into {folder}: {there} is a file, not a folder")
    try:
        with tempfile.TemporaryFile(dir=there):
            pass
    except OSError as error:
        reason = os.strerror(error.errno or errno.EACCES).lower()
        raise ValueError(f"cannot write into {folder}: {reason}") from None


def is_folder(path: Path) -> bool:
    """A folder that is there, or a name without an ending."""
    return path.is_dir() or not path.suffix


def write_all(writers: Mapping[Path, Callable[[Path], Any]]) -> None:
    """Call each writer with a path beside its own; all files appear at the end, or none does."""
    from musicvae.notes.files import replacing

    with ExitStack() as stack:
        for path, write in writers.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write(stack.enter_context(replacing(path)))


def numbered(path: Path, stem: str, count: int) -> list[Path]:
    """The files for `count` pieces: `path` itself if it is a file, else that many within it."""
    if not is_folder(path):
        return [path]
    digits = len(str(count))
    return [path / f"{stem}-{i:0{digits}d}.mid" for i in range(1, count + 1)]


def check_wav(path: Path | None, inputs: Iterable[Path] = ()) -> None:
    """Raise `ValueError` unless sound can be written there, if it is to be."""
    if path is not None:
        check_file(path, (".wav",), inputs)


def render(score: Any, path: Path) -> None:
    """Write sound."""
    from musicvae.notes.render import to_wav

    to_wav(score, path)


def write_pieces(
    write: Callable[[Any, Path], None],
    pieces: Sequence[Any],
    output: Path,
    stem: str,
    wav: Path | None = None,
) -> str:
    """Write pieces into a folder, one file each, or one after another into a file; say which.

    `wav` has the sound of all, one after another.
    """
    from musicvae.notes.transform import concatenate

    files = numbered(output, stem, len(pieces))
    contents = pieces if len(files) == len(pieces) else [concatenate(pieces)]
    writers = {f: partial(write, p) for f, p in zip(files, contents, strict=True)}
    if wav is not None:
        writers[wav] = partial(render, concatenate(pieces))
    write_all(writers)
    if len(files) > 1:
        return f"{files[0]} to {files[-1].name}"
    return f"{files[0]}" if len(pieces) == 1 else f"{files[0]}: {len(pieces)}, one after another"
