from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicvae.config import from_json, to_json
from musicvae.notes.errors import InvalidMusic, Rejected
from musicvae.representations.base import Categorical, Example, Learned
from musicvae.representations.text import (
    BytePairs,
    Characters,
    Cut,
    LeaveOut,
    Text,
    Words,
)
from musicvae.representations.text_reading import clean
from tests.representations.sentences import LINES, TEXT, VOCABULARIES, known_sentences, learned

each = pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=lambda v: type(v).__name__)


def example(tokens: list[int], max_length: int = 48) -> Example:
    row = np.zeros(max_length, dtype=np.uint8)
    row[: len(tokens)] = tokens
    return Example(tokens=row, lengths=np.array([len(tokens) + 1], dtype=np.uint16))


@each
def test_the_lines_of_a_text_are_examples_and_come_back(vocabulary: Any) -> None:
    text = learned(vocabulary, 100)
    survey = text.survey(f"\n{LINES[0]}\n\n  {LINES[1]}  \n{LINES[2]}\n")
    assert survey.dropped == {}
    assert survey.remarks == ()
    assert text.decode(survey.examples) == "\n".join(LINES[:3])


@each
@settings(max_examples=40)
@given(sentence=known_sentences().filter(str.split))
def test_case_marks_and_spaces_come_back_as_they_were(vocabulary: Any, sentence: str) -> None:
    """Byte pairs and characters write whatever is of known characters, words known words."""
    text = learned(vocabulary, 200)
    if isinstance(vocabulary, Words):
        text = Text(vocabulary=vocabulary, max_length=200).fit([sentence])
    survey = text.survey(sentence)
    assert survey.remarks == ()
    assert text.decode(survey.examples) == " ".join(sentence.split())


@pytest.mark.parametrize(
    "sentence",
    [
        "Mr. Smith's dog didn't sit.",
        '"Nobody," Ann\'s friend could say, "come at 5..."',
        "(not the well-known door!)",
        "54, 17: the old - the old",
        "'Tis it?",
    ],
)
def test_words_of_any_surrounding_come_back(sentence: str) -> None:
    text = Text(vocabulary=Words(), max_length=100).fit([TEXT, sentence])
    assert text.decode(text.encode(sentence)) == sentence


def test_words_marks_and_endings_are_units() -> None:
    text = Text(vocabulary=Words()).fit(["Ann's dogs didn't say \"5...\""])
    (found,) = text.encode("Ann's dogs didn't say \"5...\"")
    tokens = text.vocabulary.tokens
    units = [tokens[t - 2] for t in found.tokens[: int(found.lengths[0]) - 1]]
    assert units == ["▁Ann", "'s", "▁dogs", "▁didn", "'t", "▁say", '▁"', "5", "...", '"']


def test_an_example_ends_with_token_0_which_its_length_counts() -> None:
    text = Text(vocabulary=Characters(), max_length=8).fit(["aab"])
    (found,) = text.encode("ba")
    assert found.tokens.tolist() == [3, 2, 0, 0, 0, 0, 0, 0]
    assert found.lengths.tolist() == [3]
    assert text.spec.end == 0
    assert text.spec.outputs == Categorical(4)


def test_what_stands_behind_an_end_is_not_read() -> None:
    text = learned(VOCABULARIES[2])
    assert text.decode([example([4, 5, 0, 4, 5])]) == text.decode([example([4, 5])])


def test_the_unknown_token_is_written_as_a_sign() -> None:
    for vocabulary, written in zip(VOCABULARIES, ("� �", "��", "��"), strict=True):
        assert learned(vocabulary).decode([example([1, 1])]) == written


def test_tokens_that_there_are_not_are_refused() -> None:
    with pytest.raises(ValueError, match=r"tokens are from 0 to \d+ here, not 200"):
        learned(VOCABULARIES[0]).decode([example([200])])


@each
def test_the_unknown_is_named_and_the_rest_is_read(vocabulary: Any) -> None:
    text = learned(vocabulary)
    survey = text.survey("The cat saw the щука")
    assert len(survey.examples) == 1
    (remark,) = survey.remarks
    assert remark.startswith("not in the vocabulary, and read as unknown: ")
    assert "щ" in remark
    assert text.decode(survey.examples).startswith("The cat")
    assert "�" in text.decode(survey.examples)


def test_many_unknown_signs_are_not_all_named() -> None:
    text = learned(VOCABULARIES[2])
    (remark,) = text.survey("the cat αβγδεζηθικλ").remarks
    assert remark.count("'") == 16
    assert remark.endswith("and 3 more")


@each
def test_a_sentence_of_unknown_signs_alone_is_refused(vocabulary: Any) -> None:
    text = learned(vocabulary)
    survey = text.survey("щука ящ")
    assert survey.examples == ()
    assert survey.dropped == {"only-unknown": 1}
    with pytest.raises(Rejected, match="nothing in it is in the vocabulary") as refusal:
        text.encode("щука ящ")
    assert refusal.value.reason == "only-unknown"


def test_a_long_sentence_is_cut_between_words_and_it_is_said() -> None:
    text = learned(VOCABULARIES[0], 6)
    survey = text.survey("The cat sat on the mat, and the dog watched it.")
    assert text.decode(survey.examples) == "The cat sat on the"
    assert survey.dropped == {}
    assert survey.remarks == (
        "the sentence is cut: longer than the 6 tokens that the model holds, the end among them; "
        "5 of 11 words are kept",
    )


@pytest.mark.parametrize("strict", [True, False])
def test_a_long_sentence_is_left_out_where_nothing_may_be_lost(strict: bool) -> None:
    text = learned(VOCABULARIES[0], 6)
    source = f"the dog\n{LINES[0]}\n{LINES[3]}"
    survey = text.strict().survey(source) if strict else text.survey(source, overlap=True)
    assert text.decode(survey.examples) == "the dog"
    assert survey.dropped == {"too-long": 2}
    assert survey.remarks[0].startswith("2 lines, the first line 2, are left out: longer than")


def test_strict_changes_nothing_else() -> None:
    text = learned(VOCABULARIES[0])
    assert text.too_long == Cut()
    assert text.strict() == Text(
        vocabulary=text.vocabulary, max_length=text.max_length, too_long=LeaveOut()
    )


@each
@settings(max_examples=40)
@given(sentence=known_sentences().filter(str.split), length=st.integers(2, 20))
def test_what_is_cut_is_a_beginning_that_fits(vocabulary: Any, sentence: str, length: int) -> None:
    text = learned(vocabulary, length)
    survey = text.survey(sentence)
    for found in survey.examples:
        assert found.lengths[0] <= length
        kept = text.decode([found])
        if "�" not in kept:
            assert " ".join(sentence.split()).startswith(kept)


def test_a_word_longer_than_the_model_is_cut_within() -> None:
    text = learned(VOCABULARIES[2], 5)
    survey = text.survey("watched")
    assert text.decode(survey.examples) == "watc"
    assert survey.remarks[0].endswith("a part of one word is kept")


def test_an_endless_line_is_cut_or_left_out() -> None:
    text = learned(VOCABULARIES[1], 16)
    endless = "the dog " * 100_000
    assert text.decode(text.encode(endless)).startswith("the dog the dog")
    assert text.survey(endless, overlap=True).dropped == {"too-long": 1}
    assert text.tokenize_each([endless])[4] == {"too-long": 1}


def test_the_signs_of_a_typesetter_become_those_of_a_keyboard() -> None:
    text = learned(VOCABULARIES[1], 100)
    survey = text.survey("“The dog’s late” – it didn’t come…")
    assert text.decode(survey.examples) == "\"The dog's late\" - it didn't come..."
    assert survey.remarks == ("written with the signs of a keyboard: – ’ “ ” …",)


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("  a\t b\u00a0c \r", "a b c"),
        ("cafe\u0301", "caf\u00e9"),
        ("co\u00adop\ufefferate", "cooperate"),
        ("yes—no", "yes - no"),
        ("a▁b", "a_b"),
        ("a\ud800b", "a�b"),
        (" \u2003 ", ""),
    ],
)
def test_a_line_is_made_clean(line: str, sentence: str) -> None:
    assert clean(line) == sentence


@settings(max_examples=40)
@given(line=st.text(max_size=30))
def test_a_clean_line_stays_as_it_is(line: str) -> None:
    assert clean(clean(line)) == clean(line)


# The vocabulary.


@each
def test_it_is_learned(vocabulary: Any) -> None:
    text = Text(vocabulary=vocabulary)
    assert isinstance(text, Learned)
    assert not text.is_fitted
    fitted = text.fit([TEXT])
    assert fitted.is_fitted
    assert fitted.vocabulary.size == vocabulary.size
    assert fitted.spec.outputs == Categorical(len(fitted.vocabulary.tokens) + 2)


@each
def test_what_has_not_learned_says_so(vocabulary: Any) -> None:
    text = Text(vocabulary=vocabulary)
    for do in (
        lambda: text.survey("the cat"),
        lambda: text.decode([text.blank()]),
        lambda: text.tokenize_each(["the cat"]),
    ):
        with pytest.raises(ValueError, match="has not been learned from sentences yet"):
            do()


@each
def test_the_same_sentences_teach_the_same_in_any_order(vocabulary: Any) -> None:
    text = Text(vocabulary=vocabulary)
    order = np.random.default_rng(0).permutation(len(LINES))
    shuffled = text.fit([LINES[k] for k in order])
    assert shuffled == text.fit([TEXT]) == text.fit(iter(LINES))


def test_another_process_learns_the_same() -> None:
    """Nothing hangs on the order of a hash table, which differs from process to process."""
    code = (
        "import json, sys; from musicvae.config import from_json, to_json\n"
        "texts, lines = json.load(sys.stdin)\n"
        "print(json.dumps([to_json(from_json(text).fit(lines)) for text in texts]))"
    )
    texts = [Text(vocabulary=vocabulary) for vocabulary in VOCABULARIES]
    done = subprocess.run(
        [sys.executable, "-c", code],
        input=json.dumps([list(map(to_json, texts)), LINES]),
        capture_output=True,
        text=True,
        check=True,
    )
    assert from_json(json.loads(done.stdout)) == tuple(text.fit([TEXT]) for text in texts)


@each
@settings(max_examples=20)
@given(sentence=known_sentences().filter(str.split))
def test_it_goes_through_json_and_tokenizes_alike(vocabulary: Any, sentence: str) -> None:
    text = learned(vocabulary)
    again = from_json(json.loads(json.dumps(to_json(text))))
    assert again == text
    assert hash(again) == hash(text)
    one, two = text.survey(sentence), again.survey(sentence)
    assert [e.tokens.tolist() for e in one.examples] == [e.tokens.tolist() for e in two.examples]


@each
def test_it_goes_to_other_processes_after_use(vocabulary: Any) -> None:
    text = learned(vocabulary)
    text.encode("the dog")
    again = pickle.loads(pickle.dumps(text))
    assert again == text
    assert again.encode("the dog")[0].tokens.tolist() == text.encode("the dog")[0].tokens.tolist()


def test_a_text_too_small_for_the_size_gives_a_smaller_vocabulary() -> None:
    text = Text(vocabulary=Characters(size=50)).fit(["abba"])
    assert text.spec.outputs == Categorical(4)
    assert text.learned == "a vocabulary of 4 tokens: the text holds no more, though 50 were asked"
    assert Text(vocabulary=Characters(size=4)).fit(["abba"]).learned == "a vocabulary of 4 tokens"


@each
def test_no_more_is_learned_than_asked_for_and_the_commonest_first(vocabulary: Any) -> None:
    small = Text(vocabulary=type(vocabulary)(size=6)).fit(["bbb bb bbb a", "bbb", "c", "bbb"])
    assert len(small.vocabulary.tokens) <= 4
    assert any("b" in token for token in small.vocabulary.tokens)
    assert small.survey("bbb").remarks == ()


def test_equally_common_words_are_taken_in_order() -> None:
    assert Words(size=4).fit(["d c b a"]).tokens == ("▁a", "▁b")


def test_byte_pairs_merge_the_commonest_pair_first() -> None:
    """By hand, after Sennrich et al. 2016: b and c stand together five times, ▁ and b four."""
    units = BytePairs(size=100).fit(["bcd bcd bcx bcx", "abc"])
    assert units.merges[0] == "b c"
    assert units.merges[1] == "▁ bc"
    assert set(units.tokens) >= {"▁", "a", "b", "c", "d", "x", "bc", "▁bc"}


def test_byte_pairs_do_not_reach_over_words_and_marks() -> None:
    units = BytePairs(size=400).fit(["on and on, 5 on. on5, on, and on."] * 20)
    for token in units.tokens:
        kinds = {"mark" if not c.isalnum() else "word" if c.isalpha() else "number"
                 for c in token.replace("▁", "")}  # fmt: skip
        assert len(kinds) <= 1
        assert "▁" not in token[1:]


@each
def test_nothing_to_learn_from_is_said(vocabulary: Any) -> None:
    with pytest.raises(ValueError, match="no sentence to learn a vocabulary from"):
        Text(vocabulary=vocabulary).fit(["", "\n \n"])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Words(size=2), "is 3 or more, not 2"),
        (lambda: Characters(size=3, tokens=("a", "b")), "of size 3 cannot hold 2 tokens"),
        (lambda: Characters(size=9, tokens=("a", "a")), "different from one another"),
        (lambda: Words(size=9, tokens=("",)), "not empty"),
        (lambda: Words(size=9, tokens=("<end>",)), "different from one another"),
        (lambda: BytePairs(size=9, tokens=("a", "b"), merges=("a b",)), "not of two tokens"),
        (lambda: BytePairs(size=9, tokens=("a",), merges=("a",)), "not of two tokens"),
        (lambda: Text(max_length=1), "is 2 or more, not 1"),
    ],
)
def test_a_broken_configuration_is_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()


def test_its_name_does_not_list_all_words() -> None:
    assert str(learned(VOCABULARIES[0]).vocabulary) == "Words(size=100)"


# In bulk.


@each
def test_in_bulk_it_reads_as_one_by_one(vocabulary: Any) -> None:
    text = learned(vocabulary, 20)
    source = "\n".join(["", *LINES, "the dog", "щщ"])
    pieces = text.pieces(source)
    assert [name for name, _ in pieces] == [str(k) for k in range(2, 10)]
    tokens, lengths, controls, at, dropped = text.tokenize_each([s for _, s in pieces])
    survey = text.survey(source, overlap=True)
    np.testing.assert_array_equal(tokens, [e.tokens for e in survey.examples])
    np.testing.assert_array_equal(lengths, [e.lengths for e in survey.examples])
    assert controls is None
    assert dropped == survey.dropped
    assert tokens.dtype == text.spec.outputs.dtype
    kept = [pieces[k][1] for k in at]
    assert text.decode(survey.examples) == "\n".join(kept)


def test_equal_sentences_have_equal_fingerprints() -> None:
    text = learned(VOCABULARIES[0])
    (_, a), (_, b), (_, c) = text.pieces("the  dog\nthe dog\nthe cat")
    assert text.fingerprint(a) == text.fingerprint(b) != text.fingerprint(c)


# Files.


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("empty.txt").write_bytes(b"")
    Path("blank.txt").write_text("\n  \n\t\n")
    Path("latin.txt").write_bytes("one\nun café\n".encode("latin-1"))
    Path("utf16.txt").write_bytes("the cat".encode("utf-16"))
    Path("binary.txt").write_bytes(bytes(range(256)))
    Path("tune.mid").write_bytes(b"MThd\0\0\0\6\0\0\0\1\0\xdcMTrk")
    Path("folder.txt").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("empty.txt", "empty.txt is empty: expected text, one sentence a line"),
        (Path("empty.txt"), "empty.txt is empty"),
        ("blank.txt", "blank.txt holds only blank lines"),
        ("latin.txt", r"latin.txt is not in UTF-8 \(byte 0xE9 in line 2\); it may be in Latin-1"),
        ("utf16.txt", "utf16.txt is in UTF-16: save it as UTF-8"),
        ("binary.txt", "binary.txt is a binary file: expected text"),
        ("tune.mid", "tune.mid is a binary file: expected text"),
        ("folder.txt", "folder.txt is a folder: expected a text file"),
        ("nowhere.txt", "there is no file nowhere.txt"),
        ("nowhere.mid", "there is no file nowhere.mid"),
        (Path("nowhere"), "there is no file nowhere"),
        (b"", "the text is empty"),
        (b"\xff\xfe\0", "the text is in UTF-16"),
        ("", "the text is empty"),
        ("  ", "only blank lines"),
        (7, "a .txt file or a string, not int"),
    ],
)
def test_what_is_no_text_is_refused_in_words(source: object, words: str, files: Path) -> None:
    with pytest.raises(InvalidMusic, match=words) as refusal:
        Text().read(source)
    assert "music" not in str(refusal.value)


def test_a_string_is_a_file_or_else_the_text_itself(files: Path) -> None:
    Path("a sentence").write_text("from a file\n")
    text = Text()
    assert text.read("a sentence") == "from a file\n"
    assert text.read("another sentence") == "another sentence"
    assert text.read("one\ntwo") == "one\ntwo"
    assert text.read("x" * 10_000) == "x" * 10_000
    assert text.read("null \0 character") == "null \0 character"
    assert text.read("I listened to song.mid") == "I listened to song.mid"
    assert text.read(b"\xef\xbb\xbfcaf\xc3\xa9") == "\ufeffcafé"
    assert text.pieces("\ufeffcafé\r\nb\rc") == [("1", "café"), ("2", "b"), ("3", "c")]


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    text = learned(VOCABULARIES[0])
    text.write("café\ntea", tmp_path / "a.txt")
    assert (tmp_path / "a.txt").read_bytes() == "café\ntea\n".encode()
    assert text.pieces(text.read(tmp_path / "a.txt")) == text.pieces("café\ntea")
    text.write("half \ud800", tmp_path / "b.txt")
    assert (tmp_path / "b.txt").read_text() == "half ?\n"


def test_a_library_is_loaded_only_to_learn_or_to_read() -> None:
    code = (
        "import sys, musicvae.presets, musicvae.representations.text as t\n"
        "t.Text().spec; print('tokenizers' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
