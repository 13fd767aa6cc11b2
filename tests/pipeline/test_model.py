"""Music in, latents, music out: seeds, temperatures, ends of paths, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from musicvae.checkpoint import Checkpoint
from musicvae.notes.errors import Rejected
from musicvae.notes.score import Score
from musicvae.pipeline.codes import Codes
from musicvae.pipeline.model import MusicVAE, choose_device
from musicvae.pipeline.windows import Windows
from musicvae.representations.base import Example, Origin
from tests.models.small import build, small


@pytest.fixture(scope="module")
def model() -> MusicVAE:
    weights = build("melody-2bar").state_dict()
    return MusicVAE(Checkpoint(preset=small("melody-2bar"), weights=weights), "cpu")


def tune(bars: int, low: int = 30, bar: int = 16, **origin: Any) -> tuple[Example, ...]:
    """A melody of eighths in windows of two bars, each bar on a note of its own."""
    windows = []
    for start in range(0, bars, 2):
        tokens = np.zeros((2, 16), dtype=np.uint8)
        for i in range(min(2, bars - start)):
            tokens[i, :bar:2] = low + (start + i) % 20
        lengths = np.full(2, bar, dtype=np.uint16)
        windows.append(Example(tokens=tokens.reshape(-1), lengths=lengths, origin=Origin(**origin)))
    return tuple(windows)


def same(a: Score, b: Score) -> bool:
    columns = ("pitch", "start", "end", "velocity", "track")
    return all(np.array_equal(getattr(a, c), getattr(b, c)) for c in columns)


def test_encode_gives_the_posterior_of_every_window(model: MusicVAE) -> None:
    song = model.representation.decode(tune(6))
    codes = model.encode(song)
    assert codes.mean.shape == codes.std.shape == (3, model.z_size)
    assert bool((codes.std > 0).all())
    assert codes.lengths.tolist() == [[16, 16]] * 3
    assert [o.start_step for o in codes.origins] == [0, 32, 64]
    assert codes.model == model.name == "melody-2bar"
    with torch.no_grad():
        tokens = torch.from_numpy(np.stack([e.tokens for e in tune(6)])).long()
        posterior = model.model.posterior(tokens, codes.lengths)
    torch.testing.assert_close(codes.mean, posterior.mean)


def test_windows_beyond_a_batch_are_encoded_and_decoded_in_order(
    model: MusicVAE, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = tune(14)
    at_once = model.encode_examples(examples)
    monkeypatch.setattr("musicvae.pipeline.model.BATCH", 3)
    in_parts = model.encode_examples(examples)
    torch.testing.assert_close(at_once.mean, in_parts.mean)
    assert len(model.decode_examples(in_parts)) == 7


def test_decode_takes_codes_or_bare_numbers(model: MusicVAE) -> None:
    z = torch.randn(3, model.z_size)
    music = model.decode(z)
    assert isinstance(music, Score)
    assert music.end.max() <= 3 * 2 * 4 * 0.5 + 1e-9  # three windows of two bars at 120
    assert same(music, model.decode(z))  # temperature 0 leaves nothing to chance


def test_seeds_decide_what_is_drawn(model: MusicVAE) -> None:
    z = torch.randn(2, model.z_size)
    for draw in (
        lambda seed: model.decode(z, temperature=1.0, seed=seed),
        lambda seed: model.sample(1, temperature=1.0, seed=seed)[0],
        lambda seed: model.sample(1, temperature=0.0, seed=seed)[0],  # z is drawn, too
        lambda seed: model.vary(tune(4), amount=0.9, seed=seed)[0],
        lambda seed: model.reconstruct(tune(4), temperature=1.0, seed=seed).result,
    ):
        assert same(draw(1), draw(1))
        assert not same(draw(1), draw(2))
        assert not same(draw(None), draw(None))


def test_samples_and_variations_differ_among_themselves(model: MusicVAE) -> None:
    for group in (model.sample(3, temperature=0.0, seed=1), model.vary(tune(4), amount=0.9, n=3)):
        assert len(group) == 3
        assert not any(same(group[i], group[j]) for i, j in ((0, 1), (0, 2), (1, 2)))


def test_draws_of_tokens_do_not_repeat_those_of_z(
    model: MusicVAE, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int | None] = []
    real = model.decode_examples

    def listen(codes: Any, temperature: float = 0.0, seed: int | None = None) -> list[Example]:
        seeds.append(seed)
        return real(codes, temperature, seed)

    monkeypatch.setattr(model, "decode_examples", listen)
    model.sample(1, seed=7)
    model.vary(tune(2), n=2, seed=7)
    assert len(seeds) == 3
    assert 7 not in seeds
    assert seeds[1] != seeds[2]


def test_a_variation_by_nothing_is_the_reconstruction(model: MusicVAE) -> None:
    assert same(model.vary(tune(4), amount=0.0)[0], model.reconstruct(tune(4)).result)


def test_reconstruct_counts_the_right_steps_of_each_bar(
    model: MusicVAE, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = tune(4)
    wrong = [Example(tokens=e.tokens.copy(), lengths=e.lengths) for e in truth]
    wrong[0].tokens[:4] = 9  # a quarter of the first bar
    monkeypatch.setattr(model, "decode_examples", lambda *_: wrong)
    assert model.reconstruct(truth).accuracy.tolist() == [[0.75, 1.0], [1.0, 1.0]]


def test_interpolation_begins_and_ends_with_the_reconstructions(model: MusicVAE) -> None:
    a, b = tune(2), tune(2, low=50)
    steps = model.interpolate(a, b, steps=5)
    assert len(steps) == 5
    assert same(steps[0], model.reconstruct(a).result)
    assert same(steps[-1], model.reconstruct(b).result)


def test_from_a_piece_to_itself_nothing_moves(model: MusicVAE) -> None:
    steps = model.interpolate(tune(2), tune(2), steps=4)
    assert all(same(steps[0], step) for step in steps)


def test_a_morph_is_as_long_as_asked_and_turns_tempo_and_program(model: MusicVAE) -> None:
    a, b = tune(6, qpm=60.0, program=3), tune(10, low=50, qpm=240.0, program=40)
    walk = model.walk(a, b, bars=8)
    assert len(walk.steps) == len(walk.alphas) == 4
    assert walk.alphas[0] == 0.0
    assert walk.alphas[-1] == 1.0
    assert list(walk.alphas) == sorted(walk.alphas)
    tempos = [t.qpm for t in walk.whole.tempos]
    assert tempos[0] == 60
    assert tempos[-1] == 240
    assert tempos == sorted(tempos)
    assert [t.program for t in walk.whole.tracks] == [3, 40]
    assert same(walk.start, model.representation.decode(tune(2, qpm=60.0, program=3)))
    assert same(walk.end, model.representation.decode(b[-1:]))
    assert same(walk.whole, model.morph(a, b, bars=8))


@pytest.mark.parametrize(
    ("bars_a", "bars_b", "expected"), [(2, 2, 8), (20, 4, 20), (4, 12, 12), (200, 2, 64)]
)
def test_by_default_a_morph_is_as_long_as_the_longer_one_within_reason(
    model: MusicVAE, bars_a: int, bars_b: int, expected: int
) -> None:
    assert 2 * len(model.walk(tune(bars_a), tune(bars_b, low=50)).steps) == expected


def test_music_in_three_stays_in_three(model: MusicVAE) -> None:
    a, b = tune(4, bar=12, numerator=3), tune(4, low=50, bar=12, numerator=3)
    whole = model.morph(a, b, bars=8)
    assert [(m.numerator, m.denominator) for m in whole.meters] == [(3, 4)]
    assert whole.end.max() <= 8 * 3 * 0.5 + 1e-9


def test_any_bar_may_be_the_first_of_a_window() -> None:
    windows = Windows(tune(5))
    assert (windows.size, windows.count) == (2, 5)
    for start in range(4):
        bars = windows.window(start).tokens.reshape(2, 16)[:, 0].tolist()
        assert bars == [30 + start, 31 + start]
    ends = [e.tokens[0] for e in windows.at(np.array([0.0, 0.5, 1.0]))]
    assert ends == [30, 32, 33]


def test_silence_at_the_end_is_left_off_and_no_window_reaches_over_a_change_of_meter() -> None:
    silent = Example(tokens=np.zeros(32, np.uint8), lengths=np.full(2, 16, np.uint16))
    assert Windows((*tune(4), silent)).count == 4
    assert Windows((silent,)).count == 2
    changing = Windows((*tune(2), *tune(2, bar=12)))
    assert np.array_equal(changing.window(1).tokens, changing.window(0).tokens)


def test_codes_survive_the_disk(model: MusicVAE, tmp_path: Path) -> None:
    codes = model.encode_examples(tune(6, bar=12, qpm=93.5, program=7, numerator=3, name="Flöte"))
    codes.save(tmp_path / "z.npz")
    loaded = Codes.load(tmp_path / "z.npz")
    assert torch.equal(loaded.mean, codes.mean)
    assert torch.equal(loaded.std, codes.std)
    assert torch.equal(loaded.lengths, codes.lengths)
    assert (loaded.origins, loaded.model) == (codes.origins, codes.model)
    assert same(model.decode(loaded), model.decode(codes))
    assert [p.name for p in tmp_path.iterdir()] == ["z.npz"]


def test_a_file_without_codes_is_refused_in_words(tmp_path: Path) -> None:
    path = tmp_path / "z.npz"
    for content in (b"", b"no archive", b"PK\x03\x04 damaged"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=r"z.npz holds no latents; make some with: musicvae"):
            Codes.load(path)
    np.savez(path, mean=np.zeros((2, 3)))
    with pytest.raises(ValueError, match="holds no latents"):
        Codes.load(path)


def test_mistakes_are_answered_in_words(model: MusicVAE) -> None:
    a, z = tune(2), model.z_size
    for said, wrong in {
        r"temperature is 0 \(likeliest\) or above, not -1": lambda: model.decode(
            torch.zeros(1, z), temperature=-1
        ),
        "temperature is 0 .* not nan": lambda: model.decode(
            torch.zeros(1, z), temperature=float("nan")
        ),
        rf"takes codes of {z} numbers each, not of shape \(1, 3\)": lambda: model.decode(
            torch.zeros(1, 3)
        ),
        "no codes to decode": lambda: model.decode(torch.zeros(0, z)),
        "n is how many to make, 1 or more, not 0": lambda: model.sample(0),
        "1 or more, not -2": lambda: model.vary(a, n=-2),
        r"amount goes from 0 \(unchanged\) to 1 \(all new\), not 1.5": lambda: model.vary(
            a, amount=1.5
        ),
        "steps counts both ends, so it is 2 or more, not 1": lambda: model.interpolate(a, a, 1),
        "a morph with this model takes at least 4 bars, not 3": lambda: model.morph(a, a, bars=3),
        "give steps or bars, not both": lambda: model.walk(a, a, steps=3, bars=8),
    }.items():
        with pytest.raises(ValueError, match=said):
            wrong()


def test_codes_of_another_model_are_refused(model: MusicVAE) -> None:
    codes = Codes(
        mean=torch.zeros(1, model.z_size),
        std=torch.zeros(1, model.z_size),
        lengths=torch.full((1, 16), 16),
        origins=(Origin(),),
        model="melody-16bar",
    )
    with pytest.raises(ValueError, match=r"writes 2 bars at a time; .* are of 16 .*'melody-16bar'"):
        model.decode(codes)


def test_silence_has_no_posterior(model: MusicVAE) -> None:
    empty = model.representation.decode([])
    with pytest.raises(Rejected):
        model.encode(empty)


def test_saved_and_loaded_it_decodes_the_same(model: MusicVAE, tmp_path: Path) -> None:
    model.save_pretrained(tmp_path / "mine")
    again = MusicVAE.from_pretrained(tmp_path / "mine", device="cpu")
    z = torch.randn(2, model.z_size)
    assert same(model.decode(z), again.decode(z))


def test_devices() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    assert choose_device("auto").type in {"cpu", "cuda", "mps"}
    with pytest.raises(ValueError, match="there is no device 'abacus' here"):
        choose_device("abacus")
