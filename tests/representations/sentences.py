"""Sentences for tests: some to learn a vocabulary from, and any text at all."""

from __future__ import annotations

from functools import cache
from typing import Any

from hypothesis import strategies as st

from musicvae.representations.text import BytePairs, Characters, Text, Words

LINES = (
    "The cat sat on the mat, and the dog watched it.",
    "Mr. Smith's well-known \"friend\" didn't come at 5 o'clock...",
    "Is it 54, or 17? Nobody (not even Ann) could say!",
    "Ann's dog didn't sit; the dog stood by the old door.",
    "We sat at the door and watched the rain: it rained, and it rained.",
    "Old friends come late - but they come.",
)
TEXT = "\n".join(LINES)
VOCABULARIES = (Words(size=100), BytePairs(size=120), Characters(size=80))


@cache
def learned(vocabulary: Any, max_length: int = 48) -> Text:
    """A representation that has learned from `LINES`."""
    return Text(vocabulary=vocabulary, max_length=max_length).fit([TEXT])


def known_sentences() -> st.SearchStrategy[str]:
    """Sentences of the characters of `LINES`, in which any may follow any."""
    return st.text(st.sampled_from(sorted(set(TEXT) - {"\n"})), max_size=60)


def texts() -> st.SearchStrategy[str]:
    """Any text: known words and strange characters, blank lines and endless ones."""
    words = st.sampled_from(" ".join(LINES).split())
    strange = st.text(max_size=12)
    line = st.lists(words | strange | known_sentences(), max_size=40).map(" ".join)
    return st.lists(line, max_size=5).map("\n".join)
