"""Every representation that a preset, a dataset or a checkpoint may name, a line each.

A new one joins by its line here; its parts (extractions, kits, tasks) follow from its fields.
"""

from musicvae.representations.drums import Drums as Drums
from musicvae.representations.groove import Groove as Groove
from musicvae.representations.melody import Melody as Melody
from musicvae.representations.multitrack import Multitrack as Multitrack
from musicvae.representations.text import Text as Text
from musicvae.representations.trio import Trio as Trio

REPRESENTATIONS = tuple(kind for kind in list(globals().values()) if isinstance(kind, type))
