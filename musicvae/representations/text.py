"""Sentences: the representation of text (after Bowman et al. 2016).

A source is a `str` of any number of lines, each a sentence and an example. An example ends with
token 0, which its length counts; the decoder begins from no token at all. `lengths` differ from
sentence to sentence, up to `max_length` steps.

Letters: B batch, N sentences, T = `max_length` steps.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.files import replacing
from musicvae.representations.abilities import Nouns
from musicvae.representations.base import Categorical, Example, Survey, TokenSpec
from musicvae.representations.text_lines import is_short, read_lines
from musicvae.representations.text_reading import read_text, sentences_of
from musicvae.representations.text_units import END, BytePairs, Characters, Words

__all__ = ["BytePairs", "Characters", "Cut", "LeaveOut", "Text", "Words"]


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A sentence too long for the model ends behind the last word that fits."""


@dataclass(frozen=True, kw_only=True)
class LeaveOut:
    """A sentence too long for the model is left out."""


@dataclass(frozen=True, kw_only=True)
class Text:
    """Sentences of at most `max_length` tokens, their end among them.

    The vocabulary is learned from sentences by `fit`. Datasets leave out what is too long.
    """

    vocabulary: Words | BytePairs | Characters = field(default_factory=BytePairs)
    max_length: int = 32
    too_long: Cut | LeaveOut = field(default_factory=Cut)

    extensions: ClassVar[tuple[str, ...]] = (".txt",)
    nouns: ClassVar[Nouns] = Nouns(
        source="text", window="sentence", segment="sentence", step="token"
    )
    between: ClassVar[float] = 0.0  # the likeliest words read best, in the middle too
    max_bytes: ClassVar[int] = 2**30  # a file of this size is read whole

    def __post_init__(self) -> None:
        if self.max_length < 2:
            raise ValueError(
                f"max_length counts the end of a sentence and is 2 or more, not {self.max_length}"
            )

    @property
    def spec(self) -> TokenSpec:
        tokens = Categorical(self.vocabulary.classes)
        return TokenSpec(inputs=tokens, outputs=tokens, length=self.max_length, end=END)

    @property
    def is_fitted(self) -> bool:
        """Whether the vocabulary has been learned."""
        return self.vocabulary.is_fitted

    @property
    def learned(self) -> str:
        """What `fit` learned, for a person."""
        found, wanted = self.vocabulary.classes, self.vocabulary.size
        few = "" if found == wanted else f": the text holds no more, though {wanted:,} were asked"
        return f"a vocabulary of {found:,} tokens{few}"

    def fit(self, sources: Iterable[str]) -> Self:
        """The same with the vocabulary of some texts. Raises `ValueError` if they are empty."""
        sentences = (
            s for source in sources for _, s in sentences_of(source) if is_short(s, self.max_length)
        )
        return replace(self, vocabulary=self.vocabulary.fit(sentences))

    def strict(self) -> Self:
        """The same, but what is too long is left out and not cut."""
        return replace(self, too_long=LeaveOut())

    def read(self, source: object) -> str:
        """A path, the bytes of a file, or the text itself. Raises `InvalidMusic`.

        A string is a path if there is such a file or it ends like one, and else the text itself.
        """
        return read_text(source)

    def write(self, source: str, path: str | Path) -> None:
        """Write a text file in UTF-8, whole or not at all."""
        with replacing(path) as temporary:
            temporary.write_text(source + "\n", "utf-8", errors="replace", newline="\n")

    def join(self, sources: Sequence[str]) -> str:
        """Texts one after another, each on lines of its own."""
        return "\n".join(sources)

    def shown(self, source: str) -> str:
        """A text is what stands for itself."""
        return source

    def survey(self, source: str, *, overlap: bool = False) -> Survey:
        """All sentences, those that were dropped by reason, and what was changed in them.

        With `overlap`, as for datasets, what is too long is left out.
        """
        cuts = isinstance(self.too_long, Cut) and not overlap
        found = read_lines(source, self.vocabulary, self.max_length, cuts=cuts)
        rows = zip(*self._rows(found.tokens), strict=True)
        examples = tuple(Example(tokens=tokens, lengths=lengths) for tokens, lengths in rows)
        return Survey(examples=examples, dropped=found.dropped, remarks=found.remarks)

    def encode(self, source: str, *, overlap: bool = False) -> tuple[Example, ...]:
        """The sentences of `survey`, at least one; raises `Rejected` with the commonest reason."""
        survey = self.survey(source, overlap=overlap)
        if not survey.examples:
            reason = max(survey.dropped, key=survey.dropped.__getitem__)
            raise Rejected(reason, "; ".join(survey.remarks))
        return survey.examples

    def decode(self, examples: Sequence[Example]) -> str:
        """Examples in order -> their sentences, one a line.

        An unknown token is written as the replacement character.
        """
        lines = []
        for example in examples:
            tokens = example.tokens[: int(example.lengths[0])]
            lines.append(self.vocabulary.decode(tokens.tolist()))
        return "\n".join(lines)

    def transcript(self, example: Example) -> str:
        """A sentence as it is read."""
        return self.decode([example])

    def inputs(self, tokens: np.ndarray, rng: np.random.Generator | None = None) -> np.ndarray:
        """The encoder reads the tokens themselves."""
        return tokens

    def blank(self) -> Example:
        """An example with room for the longest sentence."""
        tokens = np.zeros(self.max_length, dtype=self.spec.outputs.dtype)
        return Example(tokens=tokens, lengths=np.array([self.max_length], dtype=np.uint16))

    def augment(
        self, tokens: np.ndarray, controls: np.ndarray | None, rng: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray | None]:
        """Sentences are learned as they are."""
        return tokens, controls

    def onsets(self, tokens: np.ndarray) -> np.ndarray:
        """Every token is an event: a mask (B, T) of True."""
        return np.ones(tokens.shape[:2], dtype=bool)

    def pieces(self, source: str) -> list[tuple[str, str]]:
        """The clean sentences of a text, each with the number of its line as its name."""
        return [(str(number), sentence) for number, sentence in sentences_of(source)]

    def fingerprint(self, piece: str) -> bytes:
        """16 bytes that are the same for equal sentences."""
        return blake2b(piece.encode(), digest_size=16).digest()

    def tokenize_each(
        self, pieces: Sequence[str]
    ) -> tuple[np.ndarray, np.ndarray, None, np.ndarray, Mapping[str, int]]:
        """Tokens (N, T) and lengths (N, 1) of all clean sentences that can be held, no controls,
        the place (N,) of each in `pieces`, and what was dropped."""
        short = np.array([is_short(piece, self.max_length) for piece in pieces], dtype=bool)
        at = np.flatnonzero(short)
        found = self.vocabulary.encode_all([pieces[k] for k in at.tolist()])
        fits = np.array([len(tokens) < self.max_length for tokens in found], dtype=bool)
        known = np.array([self.vocabulary.says_something(t) for t in found], dtype=bool)
        dropped = {
            "too-long": len(pieces) - int(fits.sum()),
            "only-unknown": int((fits & ~known).sum()),
        }
        kept = np.flatnonzero(fits & known)
        tokens, lengths = self._rows([found[k] for k in kept.tolist()])
        return tokens, lengths, None, at[kept], {k: n for k, n in dropped.items() if n}

    def _rows(self, found: Sequence[Sequence[int]]) -> tuple[np.ndarray, np.ndarray]:
        """Tokens without their ends -> (N, T) and lengths (N, 1) with them."""
        counts = np.array([len(tokens) for tokens in found], dtype=np.int64)
        rows = np.zeros((len(found), self.max_length), dtype=self.spec.outputs.dtype)
        steps = np.arange(self.max_length) < counts[:, None]
        rows[steps] = np.fromiter(chain.from_iterable(found), rows.dtype, int(counts.sum()))
        return rows, (counts[:, None] + 1).astype(np.uint16)
