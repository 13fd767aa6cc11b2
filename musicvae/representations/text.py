"""Sentences: the representation of text (after Bowman et al. 2016).

A source is a `str` of any number of lines, each a sentence and an example. An example ends with
token 0, which its length counts; the decoder begins from no token at all. `lengths` differ from
sentence to sentence, up to `max_length` steps.

Letters: B batch, N sentences, T = `max_length` steps.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from musicvae.notes.errors import Rejected
from musicvae.notes.files import replacing
from musicvae.representations.base import Categorical, Example, Survey, TokenSpec
from musicvae.representations.text_reading import read_text, sentences_of, typographic_in
from musicvae.representations.text_units import END, UNKNOWN, BytePairs, Characters, Words

__all__ = ["BytePairs", "Characters", "Cut", "LeaveOut", "Text", "Words"]

CHARACTERS_A_STEP = 100  # a line of more for each step is no sentence, and is not looked up
NAMED = 8  # so many unknown characters or words are named in a remark


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
        sentences = (s for source in sources for _, s in sentences_of(source) if self._is_short(s))
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
            temporary.write_text(source + "\n", encoding="utf-8", newline="\n")

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
        return _Reader(self, cuts=isinstance(self.too_long, Cut) and not overlap).survey(source)

    def encode(self, source: str, *, overlap: bool = False) -> tuple[Example, ...]:
        """The sentences of `survey`, at least one; raises `Rejected` with the commonest reason."""
        survey = self.survey(source, overlap=overlap)
        if not survey.examples:
            reason = max(survey.dropped, key=survey.dropped.__getitem__)
            raise Rejected(reason, survey.remarks[-1])
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
        short = np.array([self._is_short(piece) for piece in pieces], dtype=bool)
        at = np.flatnonzero(short)
        found = self.vocabulary.encode_all([pieces[k] for k in at.tolist()])
        fits = np.array([len(tokens) < self.max_length for tokens in found], dtype=bool)
        known = np.array([max(tokens, default=0) > UNKNOWN for tokens in found], dtype=bool)
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

    def _is_short(self, sentence: str) -> bool:
        return len(sentence) <= CHARACTERS_A_STEP * self.max_length


class _Reader:
    """Reads sentences for a survey; notes what was unknown, cut or left out."""

    def __init__(self, text: Text, *, cuts: bool) -> None:
        self.text, self.cuts = text, cuts
        self.long: list[int] = []  # lines
        self.kept_words: tuple[int, int] = (0, 0)  # of the first that was cut
        self.unknown: Counter[str] = Counter()
        self.only_unknown: list[int] = []  # lines

    def survey(self, source: str) -> Survey:
        found = [self._tokens(number, s) for number, s in sentences_of(source)]
        rows, lengths = self.text._rows([tokens for tokens in found if tokens])
        examples = tuple(
            Example(tokens=row, lengths=length) for row, length in zip(rows, lengths, strict=True)
        )
        dropped = {
            "too-long": 0 if self.cuts else len(self.long),
            "only-unknown": len(self.only_unknown),
            "no-text": not found,
        }
        remarks = tuple(self._remarks(source, bool(found)))
        dropped = {reason: int(n) for reason, n in dropped.items() if n}
        return Survey(examples=examples, dropped=dropped, remarks=remarks)

    def _tokens(self, number: int, sentence: str) -> list[int]:
        """The tokens of a sentence, none if it is left out."""
        vocabulary, most = self.text.vocabulary, self.text.max_length - 1
        short = sentence[: CHARACTERS_A_STEP * self.text.max_length]
        tokens, spans = vocabulary.encode(short)
        if len(tokens) > most or short != sentence:
            self.long.append(number)
            if not self.cuts:
                return []
            short = self._cut(short, tokens, spans)
            tokens, spans = vocabulary.encode(short)
            if len(self.long) == 1:
                self.kept_words = len(short.split()), len(sentence.split())
        marked = vocabulary.marked(short)
        strange = [marked[a:b] for t, (a, b) in zip(tokens, spans, strict=True) if t == UNKNOWN]
        self.unknown.update(s.strip("▁") for s in strange)
        if len(strange) == len(tokens):
            self.only_unknown.append(number)
            return []
        return tokens

    def _cut(self, sentence: str, tokens: list[int], spans: list[tuple[int, int]]) -> str:
        """The longest beginning of whole words that fits; of a single word, what fits of it."""
        vocabulary, most = self.text.vocabulary, self.text.max_length - 1
        if len(tokens) > most:
            end = spans[most][0] - len(vocabulary.before)
            if sentence[end : end + 1] != " " and " " in sentence[:end]:
                end = sentence.rindex(" ", 0, end)
            sentence = sentence[:end].rstrip()
        while len(vocabulary.encode(sentence)[0]) > most:
            sentence = sentence[:-1].rstrip()
        return sentence

    def _remarks(self, source: str, any_found: bool) -> Iterable[str]:
        if not any_found:
            yield "there is no sentence in the text, only blank lines"
        replaced = typographic_in(source)
        if replaced:
            yield f"written with the signs of a keyboard: {' '.join(replaced)}"
        if self.unknown:
            names = [repr(name) for name, _ in self.unknown.most_common(NAMED)]
            more = len(self.unknown) - len(names)
            others = f" and {more} more" if more > 0 else ""
            yield f"not in the vocabulary, and read as unknown: {', '.join(names)}{others}"
        if self.only_unknown:
            yield f"{_lines(self.only_unknown)}: nothing in it is in the vocabulary, left out"
        if self.long:
            yield self._remark_on_long()

    def _remark_on_long(self) -> str:
        most = self.text.max_length
        what = f"{_lines(self.long)}: longer than the {most} tokens that the model holds"
        if not self.cuts:
            return f"{what}, left out"
        kept, all_words = self.kept_words
        of_first = f"{kept} of {all_words} words" if all_words > 1 else "the beginning of a word"
        return f"{what}, cut ({of_first} kept{' of the first' if len(self.long) > 1 else ''})"


def _lines(numbers: Sequence[int]) -> str:
    """[3] -> "line 3"; [3, 5, 8, 9] -> "4 lines, the first line 3"."""
    if len(numbers) == 1:
        return f"line {numbers[0]}"
    return f"{len(numbers):,} lines, the first line {numbers[0]}"
