"""What most commands begin with: a model made ready, songs read."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from musicvae.config import Preset
    from musicvae.notes.errors import Rejected
    from musicvae.pipeline.model import MusicVAE
    from musicvae.representations.base import Example, Survey

# Up to so many CPUs, one thread plays a model of this size as fast as several do, and far faster
# where another program keeps a core busy: threads wait for one another at every step.
FEW_CPUS = 4
QUOTED = 40  # characters of words that stand for all of them where they are named


@dataclass(frozen=True, eq=False, kw_only=True)
class Song:
    """A file, or words in place of one, as a model reads it: its windows, and what was decided in
    reading it. What is made of it is written under names that begin with `stem`."""

    name: str
    stem: str
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
    representation: Any,
    said: str,
    tracks: Sequence[str] | None = None,
    force: bool = False,
    strict: bool = False,
) -> Song:
    """Read a file, or words, as a representation does. Raises `ValueError` that names it.

    With `strict` nothing is read with losses, as far as the representation counts them.
    """
    from musicvae.cli.outputs import is_there
    from musicvae.cli.reading import with_meter, with_tracks
    from musicvae.representations.abilities import Exacting, nouns_of

    representation = with_tracks(representation, tracks or ())
    there = is_there(Path(said))
    name = said if there else _quoted(said)
    with naming(name, representation):
        source = representation.read(said)
        if force:
            representation = with_meter(representation, source)
        if strict and isinstance(representation, Exacting):
            representation = representation.strict()
        survey = representation.survey(source)
        if strict and survey.dropped:
            raise ValueError(_refusal(survey))
        examples = survey.examples or representation.encode(source)  # encode says why not
    stem = Path(said).stem if there else nouns_of(representation).source
    return Song(name=name, stem=stem, source=source, examples=examples, remarks=survey.remarks)


def tell_remarks(song: Song, aside: bool = False) -> None:
    """Say how a song was read, on stderr where stdout is for the result alone."""
    from musicvae.cli.talk import say

    if song.remarks:
        say(f"{song.name}: {'; '.join(song.remarks)}", aside)


def _quoted(words: str) -> str:
    """The beginning of words, in quotes."""
    from textwrap import shorten

    return f'"{shorten(words, QUOTED, placeholder=" ...")}"'


def _refusal(survey: Survey) -> str:
    """What would be lost, for --strict."""
    from musicvae.cli.talk import left_out

    remarks = "; ".join(survey.remarks)
    return f"refused by --strict: {left_out(survey.dropped)}{f' ({remarks})' if remarks else ''}"


@contextmanager
def naming(name: object, representation: Any = None) -> Iterator[None]:
    """What is wrong within is said of the file, or of the words, and which model reads it."""
    from musicvae.notes.errors import InvalidMusic, Rejected

    try:
        yield
    except InvalidMusic as error:
        raise InvalidMusic(f"{error}{_other_reader(str(name), representation)}") from None
    except Rejected as rejection:
        raise ValueError(f"{name}: {rejection}{_advice(rejection)}") from None
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from None


def _advice(rejection: Rejected) -> str:
    """Which model reads what this one does not."""
    return {
        "only-drums": "; a drum model reads them, such as --model drums-2bar",
        "no-drums": " (--track); a melody model reads the rest, such as --model melody-2bar",
    }.get(rejection.reason, "")


def _other_reader(name: str, representation: Any) -> str:
    """Which model reads files that end so, if this one does not."""
    ending = Path(name).suffix.lower()
    if representation is None or not ending or ending in representation.extensions:
        return ""
    return advise(lambda r: ending in r.extensions, f"reads {ending} files")


def advise(able: Callable[[Any], bool], does: str) -> str:
    """The model at hand that is able to, or else the recipe of one, in words; "" for none."""
    from musicvae.presets import PRESETS

    model = find_model(able)
    if model is not None:
        return f"; --model {model} {does}"
    for name, preset in PRESETS.items():
        if able(preset.representation):
            return f"; a model of the preset {name} {does}"
    return ""


def find_model(able: Callable[[Any], bool]) -> str | None:
    """The first model at hand whose representation is able to, the usual one before others."""
    from musicvae.catalogue import shipped
    from musicvae.cli.options import MODEL

    for name in sorted(shipped(), key=lambda name: name != MODEL):
        with suppress(ValueError):
            if able(preset_of_model(name).representation):
                return name
    return None
