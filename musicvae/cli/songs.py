"""What most commands begin with: a model made ready, songs read."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musicvae.config import Preset
    from musicvae.notes.errors import Rejected
    from musicvae.pipeline.model import MusicVAE
    from musicvae.representations.base import Example

# Up to so many CPUs, one thread plays a model of this size as fast as several do, and far faster
# where another program keeps a core busy: threads wait for one another at every step.
FEW_CPUS = 4


@dataclass(frozen=True, eq=False, kw_only=True)
class Song:
    """A file as a model reads it: its windows, and what was decided in reading it."""

    path: Path
    source: Any
    examples: tuple[Example, ...]
    remarks: tuple[str, ...]


def few_threads() -> None:
    """One thread where there are few CPUs, unless the user says otherwise; before torch loads."""
    if (os.cpu_count() or 1) <= FEW_CPUS:
        os.environ.setdefault("OMP_NUM_THREADS", "1")


def load_model(name: str, device: str) -> MusicVAE:
    """A model to play with."""
    few_threads()
    from musicvae.pipeline.model import MusicVAE

    return MusicVAE.from_pretrained(name, device)


def preset_of_model(name: str) -> Preset:
    """What a model says of itself, without its weights and without torch."""
    from musicvae.catalogue import find, read_config
    from musicvae.config import preset_of

    folder = find(name)
    return preset_of(folder, read_config(folder)["preset"])


def read_song(
    representation: Any, path: Path, tracks: Sequence[str] | None = None, force: bool = False
) -> Song:
    """Read a file as a representation does. Raises `ValueError` that names the file."""
    from musicvae.cli.reading import with_meter, with_tracks

    representation = with_tracks(representation, tracks or ())
    with naming(path):
        source = representation.read(path)
        if force:
            representation = with_meter(representation, source)
        survey = representation.survey(source)
        examples = survey.examples or representation.encode(source)  # encode says why not
    return Song(path=path, source=source, examples=examples, remarks=survey.remarks)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """What is wrong within is said of the file."""
    from musicvae.notes.errors import InvalidMusic, Rejected

    try:
        yield
    except InvalidMusic:
        raise  # names the file itself
    except Rejected as rejection:
        raise ValueError(f"{path}: {rejection}{_advice(rejection)}") from None
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from None


def _advice(rejection: Rejected) -> str:
    """Which model reads what this one does not."""
    return {
        "only-drums": "; a drum model reads them, such as --model drums-2bar",
        "no-drums": " (--track); a melody model reads the rest, such as --model melody-2bar",
    }.get(rejection.reason, "")
