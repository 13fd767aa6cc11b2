"""Where the files of a TensorFlow checkpoint lie: in a folder, or in a tar.

They are mapped into memory, also those in a tar, which is never unpacked onto the disk.
"""

from __future__ import annotations

import tarfile
from collections.abc import Collection
from pathlib import Path, PurePosixPath

import numpy as np

from musicvae.interop.tensor_bundle import TensorBundle

ENDINGS = (".index", ".data-")  # the second is followed by the number of the file


def open_bundle(source: Path) -> TensorBundle:
    """A checkpoint: a tar with one in it, its `.index`, one of its `.data-` files, the name that
    they have in common, or a folder with one checkpoint.

    Raises `ValueError` that says what is not right with it.
    """
    if source.is_dir():
        return _in_folder(source, None)
    for ending in ENDINGS:
        if ending in source.name:
            return _in_folder(source.parent, source.name[: source.name.rindex(ending)])
    if source.with_name(f"{source.name}.index").is_file():
        return _in_folder(source.parent, source.name)
    if not source.is_file():
        raise ValueError(f"there is no file {source}")
    files = _in_tar(source)
    return TensorBundle(str(source), _only(files, source), files)


def _in_folder(folder: Path, name: str | None) -> TensorBundle:
    paths = {p.name: p for p in folder.iterdir() if p.is_file()} if folder.is_dir() else {}
    name = _only(paths, folder) if name is None else name
    if f"{name}.index" not in paths:
        raise ValueError(f"{folder / name}.index is missing: copy the checkpoint whole")
    beginnings = tuple(name + ending for ending in ENDINGS)
    files = {n: _mapped(p) for n, p in paths.items() if n.startswith(beginnings)}
    return TensorBundle(str(folder), name, files)


def _in_tar(path: Path) -> dict[str, np.ndarray]:
    """The checkpoint files in a tar, by their names without folders."""
    try:
        with tarfile.open(path, "r:") as tar:
            whole = _mapped(path)
            return {
                name: whole[member.offset_data : member.offset_data + member.size]
                for name, member in _members(tar, path).items()
            }
    except tarfile.TarError:
        pass
    try:
        with tarfile.open(path, "r:*") as tar:
            return {
                name: np.frombuffer(tar.extractfile(member).read(), np.uint8)  # type: ignore[union-attr]
                for name, member in _members(tar, path).items()
            }
    except (tarfile.TarError, EOFError, OSError):
        raise ValueError(
            f"{path} is no whole tar archive: it is cut off, or a file of another kind"
        ) from None


def _members(tar: tarfile.TarFile, path: Path) -> dict[str, tarfile.TarInfo]:
    """The checkpoint files. Raises `ValueError` if anything in the tar leads out of it."""
    found = {}
    for member in tar:
        place = PurePosixPath(member.name.replace("\\", "/"))
        if place.is_absolute() or ".." in place.parts or not (member.isfile() or member.isdir()):
            raise ValueError(
                f"{path} is refused: {member.name!r} in it leads out of the folder that it would "
                "be unpacked in, or is no plain file"
            )
        if any(e in place.name for e in ENDINGS) and not place.name.startswith("._"):
            found[place.name] = member
    return found


def _only(files: Collection[str], source: Path) -> str:
    """The name of the one checkpoint among files."""
    names = sorted(n.removesuffix(".index") for n in files if n.endswith(".index"))
    if not names:
        raise ValueError(f"{source} holds no TensorFlow checkpoint: there is no .index file in it")
    if len(names) > 1:
        listed = ", ".join(f"{n}.index" for n in names)
        raise ValueError(f"{source} holds several checkpoints; take one of them: {listed}")
    return names[0]


def _mapped(path: Path) -> np.ndarray:
    """The bytes of a file, read as they are needed."""
    if path.stat().st_size == 0:
        return np.zeros(0, np.uint8)
    return np.memmap(path, np.uint8, mode="r")
