"""Models by name: those of the reference implementation, our own for music, and for text.

A preset states what differs from the defaults; the rest follows.
"""

from __future__ import annotations

import difflib

from musicvae.config import Preset
from musicvae.presets.own import OWN
from musicvae.presets.published import PUBLISHED
from musicvae.presets.text import TEXT

PRESETS: dict[str, Preset] = {preset.name: preset for preset in (*PUBLISHED, *OWN, *TEXT)}


def preset(name: str) -> Preset:
    """A preset by name. Raises `ValueError` with the nearest right name."""
    if name in PRESETS:
        return PRESETS[name]
    near = difflib.get_close_matches(name, PRESETS, n=1, cutoff=0.3)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(PRESETS)}"
    raise ValueError(f"there is no preset {name!r}; {hint}")
