"""Files that appear whole or not at all."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """A temporary path beside `path`, of the same suffix, which becomes `path` at the end.

    If the block raises, `path` is as it was before. Raises `ValueError` in one sentence where the
    file cannot be written.
    """
    path = Path(path)
    if path.is_dir():
        raise ValueError(f"{path} is a folder: expected the name of a file to write")
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex[:8]}{path.suffix}")
    try:
        yield temporary
        temporary.replace(path)
    except FileNotFoundError:
        raise ValueError(f"cannot write {path}: there is no folder {path.parent}") from None
    except OSError as error:
        raise ValueError(f"cannot write {path}: {os.strerror(error.errno or 0)}") from None
    finally:
        with suppress(OSError):  # it became `path`, or never was
            temporary.unlink()
