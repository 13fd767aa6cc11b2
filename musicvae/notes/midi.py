"""MIDI files <-> `Score`: what the rest of the package calls.

Reading is `smf` (bytes -> events) and `midi_read` (events -> score); writing is `midi_write`.
"""

from __future__ import annotations

from pathlib import Path

from musicvae.notes.errors import InvalidMusic
from musicvae.notes.files import replacing
from musicvae.notes.midi_read import score_of
from musicvae.notes.midi_write import midi_bytes
from musicvae.notes.score import Score
from musicvae.notes.smf import parse

__all__ = ["midi_bytes", "read_midi", "write_midi"]


def read_midi(source: str | Path | bytes) -> Score:
    """A MIDI file, by path or by content, of format 0, 1 or 2 and any resolution.

    Raises `InvalidMusic` in one sentence for what is no MIDI file. A file that breaks off gives
    the notes before the break; a file without notes gives an empty score.
    """
    if isinstance(source, bytes):
        return score_of(parse(source, "the MIDI data"), "the MIDI data")
    try:
        content = Path(source).read_bytes()
    except FileNotFoundError:
        raise InvalidMusic(f"there is no file {source}") from None
    except IsADirectoryError:
        raise InvalidMusic(f"{source} is a folder: expected a MIDI file") from None
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        raise InvalidMusic(f"{source} cannot be read: {error}") from None
    return score_of(parse(content, str(source)), str(source))


def write_midi(score: Score, path: str | Path) -> None:
    """Write the score as a MIDI file, whole or not at all.

    Raises `InvalidMusic` for what MIDI cannot hold, `ValueError` where nothing can be written.
    """
    content = midi_bytes(score)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
