"""The units that sentences are written in: words, byte-pair units, or characters.

A vocabulary is a frozen dataclass. As it is made it knows only its size; `fit` learns its `tokens`
from sentences. Token 0 is the end of a sentence, 1 is unknown, and token i is `tokens[i - 2]`.

A space belongs to the word behind it, and is written as a sign within the unit ("▁word"): what
has no such sign follows without a space. Thus nothing is guessed when units become text again.

Byte-pair units are those of Sennrich et al. 2016 (section 3.2) over characters, not bytes.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Self

from musicvae.representations.text_reading import SPACE, UNKNOWN_MARK

if TYPE_CHECKING:
    from tokenizers import Tokenizer

END, UNKNOWN = 0, 1
SPECIAL = ("<end>", "<unknown>")

_LETTERS = r"[\p{L}\p{M}]"
_CLITIC = rf"'(?i:s|t|re|ve|ll|d|m)(?!{_LETTERS})"  # don't -> don 't
_MARK = rf"[^\p{{L}}\p{{M}}\p{{N}}{SPACE}]"
_SHARED = rf"{_CLITIC}|{SPACE}?{_LETTERS}+|{SPACE}?\p{{N}}+"
WORDS = rf"{_SHARED}|{SPACE}?({_MARK})\1*|{SPACE}"  # several of one mark are one: "..."
STRETCHES = rf"{_SHARED}|{SPACE}?{_MARK}+?(?={_CLITIC})|{SPACE}?{_MARK}+|{SPACE}"
CHARACTERS = "."


@dataclass(frozen=True, kw_only=True)
class Units(ABC):
    """What the vocabularies share. `size` counts the end and unknown; at most so many are learned.

    A vocabulary that is not fitted has no tokens, and cannot read or write.
    """

    size: int
    tokens: tuple[str, ...] = field(default=(), repr=False)

    before: ClassVar[str] = SPACE  # stands before the first word, as before all others
    unknown: ClassVar[str] = UNKNOWN_MARK

    def __post_init__(self) -> None:
        name = type(self).__name__
        if self.size <= len(SPECIAL):
            raise ValueError(
                f"the size of {name} counts the end and the unknown token and is 3 or more, "
                f"not {self.size}"
            )
        if len(self.tokens) > self.size - len(SPECIAL):
            raise ValueError(f"{name} of size {self.size} cannot hold {len(self.tokens)} tokens")
        if len({*SPECIAL, "", *self.tokens}) < len(SPECIAL) + 1 + len(self.tokens):
            raise ValueError(f"the tokens of {name} are different from one another and not empty")

    @property
    def is_fitted(self) -> bool:
        return bool(self.tokens)

    @property
    def classes(self) -> int:
        """How many tokens there are, the end and unknown among them; before fitting, at most."""
        return len(self.tokens) + len(SPECIAL) if self.tokens else self.size

    @abstractmethod
    def fit(self, sentences: Iterable[str]) -> Self:
        """The vocabulary of clean sentences: the same ones, in any order, give the same."""

    def encode(self, sentence: str) -> tuple[list[int], list[tuple[int, int]]]:
        """The tokens of a clean sentence, and where each begins and ends in `marked`."""
        encoding = self._tokenizer.encode(self.marked(sentence), add_special_tokens=False)
        return encoding.ids, encoding.offsets

    def encode_all(self, sentences: Sequence[str]) -> list[list[int]]:
        """The tokens of many clean sentences, by all processors."""
        marked = [self.marked(sentence) for sentence in sentences]
        found = self._tokenizer.encode_batch_fast(marked, add_special_tokens=False)
        return [encoding.ids for encoding in found]

    def decode(self, tokens: Iterable[int]) -> str:
        """Any tokens up to the end -> a clean sentence; `UNKNOWN_MARK` for what is unknown."""
        self._require_fitted()
        units = []
        for token in tokens:
            if token == END:
                break
            if not 0 < token < self.classes:
                raise ValueError(f"tokens are from 0 to {self.classes - 1} here, not {token}")
            units.append(self.unknown if token == UNKNOWN else self.tokens[token - len(SPECIAL)])
        return " ".join("".join(units).replace(SPACE, " ").split())

    def says_something(self, tokens: Iterable[int]) -> bool:
        """Whether any of the tokens is known, and more than a space."""
        return any(token > UNKNOWN and token != self._space for token in tokens)

    def marked(self, sentence: str) -> str:
        """A clean sentence with its spaces as signs, and one before it."""
        return self.before + sentence.replace(" ", SPACE)

    @cached_property
    def _space(self) -> int:
        """The token that is a space alone, or the end where there is none."""
        return self.tokens.index(SPACE) + len(SPECIAL) if SPACE in self.tokens else END

    @cached_property
    def _tokenizer(self) -> Tokenizer:
        self._require_fitted()
        names = (*SPECIAL, *self.tokens)
        return _tokenizer_of(
            self._model({name: k for k, name in enumerate(names)}), self._pattern()
        )

    @abstractmethod
    def _model(self, numbers: dict[str, int]) -> Any:
        """The model of the tokenizers library for the tokens by name."""

    @abstractmethod
    def _pattern(self) -> str:
        """What a sentence is divided into before it is looked up."""

    def _require_fitted(self) -> None:
        if not self.is_fitted:
            raise ValueError(
                f"{self} has not been learned from sentences yet; "
                "that is done by: musicvae prepare sentences.txt"
            )

    def _learned(self, tokens: Sequence[str], **more: Any) -> Self:
        if not tokens:
            raise ValueError("there is no sentence to learn a vocabulary from")
        return replace(self, tokens=tuple(tokens), **more)


@dataclass(frozen=True, kw_only=True)
class Words(Units):
    """The commonest words, numbers and punctuation marks; of equally common ones the first by
    spelling. "don't" is two, "don" and "'t"."""

    size: int = 20_000

    unknown: ClassVar[str] = SPACE + UNKNOWN_MARK

    def fit(self, sentences: Iterable[str]) -> Self:
        from tokenizers.models import WordLevel
        from tokenizers.trainers import WordLevelTrainer

        trainer = WordLevelTrainer(
            vocab_size=self.size, special_tokens=list(SPECIAL), show_progress=False
        )
        model = _trained(WordLevel(unk_token=SPECIAL[UNKNOWN]), WORDS, trainer, self, sentences)
        return self._learned(_ordered(model["vocab"]))

    def _model(self, numbers: dict[str, int]) -> Any:
        from tokenizers.models import WordLevel

        return WordLevel(numbers, unk_token=SPECIAL[UNKNOWN])

    def _pattern(self) -> str:
        return WORDS


@dataclass(frozen=True, kw_only=True)
class Characters(Units):
    """Single characters, the commonest first; a space is one of them."""

    size: int = 256

    before: ClassVar[str] = ""

    def fit(self, sentences: Iterable[str]) -> Self:
        return self._learned(_commonest(map(self.marked, sentences), self.size - len(SPECIAL)))

    def _model(self, numbers: dict[str, int]) -> Any:
        from tokenizers.models import WordLevel

        return WordLevel(numbers, unk_token=SPECIAL[UNKNOWN])

    def _pattern(self) -> str:
        return CHARACTERS


@dataclass(frozen=True, kw_only=True)
class BytePairs(Units):
    """Characters, and what the commonest pairs of units give when they are merged, in order.

    A merge is written "one two". Pairs are merged within words, numbers and punctuation only.
    """

    size: int = 2_000
    merges: tuple[str, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        known = set(self.tokens)
        for merge in self.merges:
            parts = merge.split(" ")
            if len(parts) != 2 or not known.issuperset([*parts, "".join(parts)]):
                raise ValueError(f"the merge {merge!r} is not of two tokens of the vocabulary")

    def fit(self, sentences: Iterable[str]) -> Self:
        from tokenizers.models import BPE
        from tokenizers.trainers import BpeTrainer

        sentences = list(sentences)
        marked = map(self.marked, sentences)
        alphabet = _commonest(marked, self.size - len(SPECIAL), always=SPACE)
        trainer = BpeTrainer(
            vocab_size=self.size,
            min_frequency=2,
            special_tokens=list(SPECIAL),
            initial_alphabet=alphabet,
            limit_alphabet=len(alphabet),
            show_progress=False,
        )
        model = _trained(BPE(unk_token=SPECIAL[UNKNOWN]), STRETCHES, trainer, self, sentences)
        merges = tuple(" ".join(pair) for pair in model["merges"])
        return self._learned(_ordered(model["vocab"]), merges=merges)

    def _model(self, numbers: dict[str, int]) -> Any:
        from tokenizers.models import BPE

        pairs = [(a, b) for a, b in (merge.split(" ") for merge in self.merges)]
        return BPE(numbers, pairs, unk_token=SPECIAL[UNKNOWN])

    def _pattern(self) -> str:
        return STRETCHES


def _tokenizer_of(model: Any, pattern: str) -> Tokenizer:
    from tokenizers import Regex, Tokenizer
    from tokenizers.pre_tokenizers import Split

    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = Split(Regex(pattern), "isolated")
    return tokenizer


def _trained(
    model: Any, pattern: str, trainer: Any, units: Units, sentences: Iterable[str]
) -> dict[str, Any]:
    """What the tokenizers library learns of sentences, as plain values."""
    tokenizer = _tokenizer_of(model, pattern)
    tokenizer.train_from_iterator((units.marked(s) for s in sentences), trainer)
    learned: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    return learned


def _ordered(vocabulary: dict[str, int]) -> list[str]:
    """The tokens in order of their numbers, without the special ones."""
    return sorted(vocabulary.keys() - SPECIAL, key=vocabulary.__getitem__)


def _commonest(texts: Iterable[str], most: int, always: str = "") -> list[str]:
    """The commonest characters, those of equal counts in order; `UNKNOWN_MARK` is none."""
    counts: Counter[str] = Counter()
    for text in texts:
        counts.update(text)
    del counts[UNKNOWN_MARK]
    rest = sorted(counts.keys() - always, key=lambda c: (-counts[c], c))
    return [*always, *rest][:most] if counts else []
