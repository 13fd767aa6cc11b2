"""What most commands begin with: a model made ready, songs read."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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


def read_song(representation: Any, path: Path, track: str | None = None) -> Song:
    """Read a file. Raises `ValueError` that names it."""
    from musicvae.notes.errors import InvalidMusic, Rejected

    try:
        representation = on_track(representation, track)
        source = representation.read(path)
        survey = representation.survey(source)
        examples = survey.examples or representation.encode(source)  # encode says why not
    except InvalidMusic:
        raise  # names the file itself
    except (Rejected, ValueError) as error:
        raise ValueError(f"{path}: {error}") from None
    return Song(path=path, source=source, examples=examples, remarks=survey.remarks)


def on_track(representation: Any, track: str | None) -> Any:
    """The representation with its melody taken from the track of that name or number."""
    if track is None:
        return representation
    from musicvae.representations.melody import Lenient

    if not isinstance(getattr(representation, "extraction", None), Lenient):
        raise ValueError("this model searches all tracks for itself and cannot be given one")
    return replace(representation, extraction=Lenient(track=track))
