"""The sentences of one text -> tokens: what is cut, left out or unknown, in words for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from musicvae.representations.text_reading import SPACE, sentences_of, typographic_in
from musicvae.representations.text_units import UNKNOWN, Units

CHARACTERS_A_STEP = 100  # a line of more for each step is no sentence, and is not looked up
NAMED = 8  # so many unknown characters or words are named in a remark


@dataclass(frozen=True, kw_only=True)
class Lines:
    """The tokens of each sentence that is kept, without its end; what was dropped; remarks."""

    tokens: tuple[list[int], ...]
    dropped: Mapping[str, int]
    remarks: tuple[str, ...]


def read_lines(source: str, vocabulary: Units, max_length: int, *, cuts: bool) -> Lines:
    """All sentences of a text. Of one too long for `max_length` tokens, the end among them, the
    words that fit are kept where it `cuts`, and else nothing."""
    reader = _Reader(vocabulary, max_length, cuts)
    found = [reader.tokens_of(number, sentence) for number, sentence in sentences_of(source)]
    return Lines(
        tokens=tuple(tokens for tokens in found if tokens),
        dropped=reader.dropped(len(found)),
        remarks=tuple(reader.remarks(source, len(found))),
    )


def is_short(sentence: str, max_length: int) -> bool:
    """Whether a line may be a sentence of so many tokens at all."""
    return len(sentence) <= CHARACTERS_A_STEP * max_length


class _Reader:
    """Reads sentence after sentence; notes the lines of those that it could not keep whole."""

    def __init__(self, vocabulary: Units, max_length: int, cuts: bool) -> None:
        self.vocabulary, self.max_length, self.cuts = vocabulary, max_length, cuts
        self.long: list[int] = []
        self.too_long = 0  # of the long ones, those of which nothing is kept
        self.only_unknown: list[int] = []
        self.unknown: Counter[str] = Counter()
        self.kept: tuple[int, int] = (0, 0)  # words of the first that was cut, of how many

    def tokens_of(self, number: int, sentence: str) -> list[int]:
        """The tokens of a sentence, none if it is left out."""
        short = sentence[: CHARACTERS_A_STEP * self.max_length]
        tokens, spans = self.vocabulary.encode(short)
        if len(tokens) >= self.max_length or short != sentence:
            self.long.append(number)
            if not self.cuts:
                self.too_long += 1
                return []
            short = self._cut(short, tokens, spans)
            if not short:
                self.too_long += 1
                return []
            tokens, spans = self.vocabulary.encode(short)
            if len(self.long) == 1:
                self.kept = len(short.split()), len(sentence.split())
        marked = self.vocabulary.marked(short)
        strange = [marked[a:b] for t, (a, b) in zip(tokens, spans, strict=True) if t == UNKNOWN]
        self.unknown.update(unit.replace(SPACE, " ").strip() or " " for unit in strange)
        if not self.vocabulary.says_something(tokens):
            self.only_unknown.append(number)
            return []
        return tokens

    def _cut(self, sentence: str, tokens: list[int], spans: list[tuple[int, int]]) -> str:
        """The longest beginning of whole words that fits; of a single word, what fits of it."""
        most = self.max_length - 1
        if len(tokens) > most:
            end = spans[most][0] - len(self.vocabulary.before)
            if sentence[end : end + 1] != " " and " " in sentence[:end]:
                end = sentence.rindex(" ", 0, end)
            sentence = sentence[:end].rstrip()
        while len(self.vocabulary.encode(sentence)[0]) > most:
            sentence = sentence[:-1].rstrip()
        return sentence

    def dropped(self, sentences: int) -> dict[str, int]:
        """How many sentences were left out under which reason."""
        counts = {
            "too-long": self.too_long,
            "only-unknown": len(self.only_unknown),
            "no-text": int(not sentences),
        }
        return {reason: count for reason, count in counts.items() if count}

    def remarks(self, source: str, sentences: int) -> Iterator[str]:
        """What was changed in the text, and what was left out."""
        if not sentences:
            yield "there is no sentence in the text: expected one a line"
        replaced = typographic_in(source)
        if replaced:
            yield f"written with the signs of a keyboard: {' '.join(replaced)}"
        if self.unknown:
            names = [repr(name) for name, _ in self.unknown.most_common(NAMED)]
            more = len(self.unknown) - len(names)
            others = f" and {more} more" if more > 0 else ""
            yield f"not in the vocabulary, and read as unknown: {', '.join(names)}{others}"
        if self.only_unknown:
            where = _where(self.only_unknown, sentences)
            yield f"{where} left out: nothing in {_them(self.only_unknown)} is in the vocabulary"
        if self.long:
            yield self._remark_on_long(sentences)

    def _remark_on_long(self, sentences: int) -> str:
        why = f"longer than the {self.max_length} tokens that the model holds, the end among them"
        where = _where(self.long, sentences)
        if self.too_long == len(self.long):
            return f"{where} left out: {why}"
        kept, of_all = self.kept
        rest = f"{kept} of {of_all} words are kept" if of_all > 1 else "a part of one word is kept"
        return f"{where} cut: {why}; {'of the first, ' if len(self.long) > 1 else ''}{rest}"


def _where(numbers: Sequence[int], sentences: int) -> str:
    """The lines of some of the sentences: "line 3 is", "4 lines, the first line 3, are"."""
    if len(numbers) > 1:
        return f"{len(numbers):,} lines, the first line {numbers[0]}, are"
    return "the sentence is" if sentences == 1 else f"line {numbers[0]} is"


def _them(numbers: Sequence[int]) -> str:
    return "them" if len(numbers) > 1 else "it"
