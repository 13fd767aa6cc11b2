"""Text as it comes -> clean sentences: encodings, white space, typographic characters.

A sentence is a line. In a clean one white space is a single space and none is at the ends;
characters are composed (Unicode NFC), and quotes and dashes are those of a keyboard.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from pathlib import Path

from musicvae.notes.errors import InvalidMusic

SPACE = "▁"  # stands for a space within units, so that none must be guessed in decoding
UNKNOWN_MARK = "\N{REPLACEMENT CHARACTER}"  # what an unknown character is written as

# What a keyboard has in place of what a typesetter has. White space is made single afterwards.
TYPOGRAPHIC = {
    **dict.fromkeys("‘’‚‛′", "'"),
    **dict.fromkeys("“”„‟″", '"'),
    **dict.fromkeys("‐‑‒–−", "-"),
    **dict.fromkeys("—―", " - "),
    "…": "...",
    SPACE: "_",
}
INVISIBLE = "\N{SOFT HYPHEN}\N{ZERO WIDTH SPACE}\N{ZERO WIDTH NO-BREAK SPACE}\u200e\u200f"
HALVES = map(chr, range(0xD800, 0xE000))  # surrogates, no characters by themselves
_TABLE = str.maketrans(
    {**TYPOGRAPHIC, **dict.fromkeys(INVISIBLE, ""), **dict.fromkeys(HALVES, UNKNOWN_MARK)}
)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1b"))
_BINARY_SHARE = 0.02  # of control characters, which text hardly has
_SUFFIXES = (".txt", ".mid", ".midi")  # a word that ends so is the name of a file


def read_text(source: object) -> str:
    """A path, the bytes of a file, or text itself -> text. Raises `InvalidMusic`.

    A string is a path if there is such a file or it ends like one, and else the text itself.
    """
    if isinstance(source, Path) or (isinstance(source, str) and _names_a_file(source)):
        return _checked(_content(Path(source)), str(source))
    if isinstance(source, bytes):
        return _checked(source, "the text")
    if isinstance(source, str):
        return _not_empty(source, "the text")
    raise InvalidMusic(
        f"this model reads text, a .txt file or a string, not {type(source).__name__}"
    )


def sentences_of(text: str) -> Iterator[tuple[int, str]]:
    """The clean sentences of a text, each with the number of its line, counted from 1."""
    for number, line in enumerate(_lines(text), 1):
        sentence = clean(line)
        if sentence:
            yield number, sentence


def clean(line: str) -> str:
    """A line with single spaces, composed characters, and the quotes and dashes of a keyboard."""
    if not line.isascii():
        line = unicodedata.normalize("NFC", line.translate(_TABLE))
    return " ".join(line.split())


def typographic_in(text: str) -> list[str]:
    """The characters of a text that `clean` replaces by those of a keyboard."""
    return [] if text.isascii() else sorted(set(text) & TYPOGRAPHIC.keys())


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").split("\n")


def _names_a_file(text: str) -> bool:
    if text.lower().endswith(_SUFFIXES) and (text.lower().endswith(".txt") or " " not in text):
        return True
    try:
        return "\n" not in text and Path(text).is_file()
    except (OSError, ValueError):  # too long a name, or a null character in it
        return False


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        raise InvalidMusic(f"there is no file {path}") from None
    except IsADirectoryError:
        raise InvalidMusic(f"{path} is a folder: expected a text file") from None
    except (OSError, ValueError) as error:
        raise InvalidMusic(f"{path} cannot be read: {error}") from None


def _checked(content: bytes, name: str) -> str:
    """The text in the bytes of a file. Raises `InvalidMusic` for what is no UTF-8."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InvalidMusic(f"{name} is in UTF-16: save it as UTF-8")
    controls = len(content) - len(content.translate(None, _CONTROLS))
    if 0 in content or controls > _BINARY_SHARE * len(content):
        raise InvalidMusic(f"{name} is a binary file: expected text, one sentence a line")
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise InvalidMusic(
            f"{name} is not in UTF-8 (byte 0x{content[error.start]:02X} in line {line}); it may be "
            f"in Latin-1: save it as UTF-8, as with iconv -f latin1 -t utf-8"
        ) from None
    return _not_empty(text, name)


def _not_empty(text: str, name: str) -> str:
    if not text:
        raise InvalidMusic(f"{name} is empty: expected text, one sentence a line")
    if not text.strip():
        raise InvalidMusic(f"{name} holds only blank lines: expected one sentence a line")
    return text
