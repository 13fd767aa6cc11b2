"""The three streams of a trio: what their classes mean, and how they sound unless they say so."""

from __future__ import annotations

import numpy as np

from musicvae.representations.base import Part
from musicvae.representations.melody_events import CLASSES, FIRST_NOTE

PART_NAMES = ("melody", "bass", "drums")
SIZES = (CLASSES, CLASSES, 512)  # a drum class is a combination of nine drums
LINES = (0, 1)  # the streams of notes; the last one is of hits

# The lowest class of each stream with which something starts.
FIRSTS = np.array([FIRST_NOTE, FIRST_NOTE, 1], dtype=np.uint16)
FIRSTS.setflags(write=False)

# As the reference decodes a trio: a piano, and the second bass of General MIDI.
DEFAULT_PARTS = (Part(program=0), Part(program=33), Part(program=0))
