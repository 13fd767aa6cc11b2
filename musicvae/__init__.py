"""MusicVAE in PyTorch: music in, a latent space between, music out.

    from musicvae import MusicVAE, read_midi, write_midi

    model = MusicVAE.from_pretrained("melody-2bar")
    write_midi(model.morph(read_midi("a.mid"), read_midi("b.mid")), "morph.mid")

Every name below is loaded when it is first used, so that `import musicvae` costs nothing: torch
is imported only by those that need it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from musicvae.latent.interpolate import grid as grid
    from musicvae.latent.interpolate import lerp as lerp
    from musicvae.latent.interpolate import slerp as slerp
    from musicvae.notes.errors import InvalidMusic as InvalidMusic
    from musicvae.notes.errors import Rejected as Rejected
    from musicvae.notes.midi import read_midi as read_midi
    from musicvae.notes.midi import write_midi as write_midi
    from musicvae.notes.score import Key as Key
    from musicvae.notes.score import Meter as Meter
    from musicvae.notes.score import Score as Score
    from musicvae.notes.score import StepScore as StepScore
    from musicvae.notes.score import Tempo as Tempo
    from musicvae.notes.score import Track as Track
    from musicvae.pipeline.model import MusicVAE as MusicVAE
    from musicvae.representations.melody import Melody as Melody

__version__ = "0.1.0"

_HOMES = {
    "InvalidMusic": "musicvae.notes.errors",
    "Key": "musicvae.notes.score",
    "Melody": "musicvae.representations.melody",
    "Meter": "musicvae.notes.score",
    "MusicVAE": "musicvae.pipeline.model",
    "Rejected": "musicvae.notes.errors",
    "Score": "musicvae.notes.score",
    "StepScore": "musicvae.notes.score",
    "Tempo": "musicvae.notes.score",
    "Track": "musicvae.notes.score",
    "grid": "musicvae.latent.interpolate",
    "lerp": "musicvae.latent.interpolate",
    "read_midi": "musicvae.notes.midi",
    "slerp": "musicvae.latent.interpolate",
    "write_midi": "musicvae.notes.midi",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'musicvae' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
