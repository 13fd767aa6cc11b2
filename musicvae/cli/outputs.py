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

import typer

from musicvae.cli.reading import subject
from musicvae.cli.talk import say
from musicvae.representations.abilities import Audible, Printable

MIDI = (".mid", ".midi")
SOUNDS = (".wav",)
PICTURES = (".png", ".svg", ".pdf")


def check_inputs(given: Iterable[str | Path], representation: Any = None) -> None:
    """Raise `ValueError` for the first that is no file, nor words for a model that takes words."""
    for one in given:
        if is_there(Path(one)):
            if Path(one).is_dir() and str(one):
                raise ValueError(f"{one} is a folder: expected a file")
        elif not isinstance(representation, Printable):
            raise ValueError(f"there is no file {one}{_taken_as_words(str(one), representation)}")


def is_there(path: Path) -> bool:
    """Whether there is such a file or folder; words may be no possible name of one."""
    try:
        return path.exists()
    except (OSError, ValueError):
        return False


def files_among(given: Iterable[str | Path]) -> list[Path]:
    """Those that are files, and not words."""
    return [path for path in map(Path, given) if is_there(path)]


def _taken_as_words(said: str, representation: Any) -> str:
    """Which model would take words in place of a file, if these look like words."""
    from musicvae.cli.songs import advise

    ending = Path(said).suffix.lower()
    if representation is None or len(said.split()) == 1 or ending in representation.extensions:
        return ""
    return advise(lambda r: isinstance(r, Printable), "takes words")


def check_output(
    path: Path | None,
    representation: Any,
    given: Iterable[str | Path] = (),
    *,
    folder: bool = False,
) -> None:
    """Raise `ValueError` unless the sources of a representation can be written there, or printed
    where there is no `path`. Several, with `folder`, go into one too."""
    if path is None:
        if not isinstance(representation, Printable):
            endings = " or ".join(representation.extensions)
            raise ValueError(
                f"-o is missing: this model writes {endings} files, and those cannot be printed; "
                f"say where, such as -o out{representation.extensions[0]}"
            )
    elif folder and is_folder(path):
        check_writable(path)
    else:
        check_file(path, representation.extensions, files_among(given))


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


def numbered(path: Path, stem: str, count: int, ending: str) -> list[Path]:
    """The files for `count` pieces: `path` itself if it is a file, else that many within it."""
    if not is_folder(path):
        return [path]
    digits = len(str(count))
    return [path / f"{stem}-{i:0{digits}d}{ending}" for i in range(1, count + 1)]


def check_wav(path: Path | None, given: Iterable[str | Path], representation: object) -> None:
    """Raise `ValueError` unless sound can be made and written there, if it is to be."""
    _check_heard(path, "--wav", SOUNDS, given, representation)


def check_plot(path: Path | None, given: Iterable[str | Path], representation: object) -> None:
    """The same for a picture."""
    _check_heard(path, "--plot", PICTURES, given, representation)


def _check_heard(
    path: Path | None,
    option: str,
    endings: tuple[str, ...],
    given: Iterable[str | Path],
    representation: object,
) -> None:
    if path is None:
        return
    if not isinstance(representation, Audible):
        raise ValueError(f"{option} is for models of music: {subject(representation)} has no notes")
    check_file(path, endings, files_among(given))


def render(score: Any, path: Path) -> None:
    """Write sound."""
    from musicvae.notes.render import to_wav

    to_wav(score, path)


def put(
    representation: Any,
    pieces: Sequence[Any],
    output: Path | None,
    stem: str,
    *,
    beside: Mapping[Path, Callable[[Path], Any]] | None = None,
    about: str = "",
) -> None:
    """Write pieces into a folder, one file each, or one after another into a file; say where, and
    what there is to say about it. `beside` are other files that belong to them.

    Without `output` they are printed.
    """
    if output is None:
        for piece in pieces:
            typer.echo(representation.shown(piece))
        return
    files = numbered(output, stem, len(pieces), representation.extensions[0])
    contents = pieces if len(files) == len(pieces) else [representation.join(pieces)]
    writers: dict[Path, Callable[[Path], Any]] = {
        f: partial(representation.write, p) for f, p in zip(files, contents, strict=True)
    }
    write_all({**writers, **(beside or {})})
    where = f"{files[0]} to {files[-1].name}" if len(files) > 1 else str(files[0])
    if len(files) < len(pieces):
        about = about or f"{len(pieces)}, one after another"
    say(f"{where}: {about}" if about else where)
    for path in beside or {}:
        say(str(path))


def sound_of(
    representation: Any, pieces: Sequence[Any], wav: Path | None
) -> dict[Path, Callable[[Path], Any]]:
    """What writes the sound of pieces, one after another, if it is asked for."""
    if wav is None:
        return {}
    return {wav: partial(render, representation.heard(representation.join(pieces)))}
