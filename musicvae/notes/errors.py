"""The two ways in which music can be refused, in words for the person who meets them."""

from __future__ import annotations


class InvalidMusic(ValueError):
    """The input is no music that can be read: a broken file, an impossible note, a wrong type."""


class Rejected(ValueError):
    """Readable music in which a representation finds nothing to use.

    `reason` is a short stable name for counting (`"no-notes"`, `"only-drums"`); `detail` is a
    sentence: what was found, what was expected, what to do.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail
