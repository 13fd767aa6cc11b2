"""Music in, latents, music out: seeds, temperatures, sources of every kind, what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from musicvae.checkpoint import Checkpoint
from musicvae.notes.errors import InvalidMusic, Rejected
from musicvae.notes.interop import to_note_sequence, to_pretty_midi, to_symusic
from musicvae.notes.midi import write_midi
from musicvae.notes.score import Score
from musicvae.pipeline.device import choose_device
from musicvae.pipeline.model import MusicVAE
from musicvae.representations.base import Example
from tests.models.small import MELODIES, build, small
from tests.pipeline.pieces import same, song, tune


def test_encode_gives_the_posterior_of_every_window(model: MusicVAE) -> None:
    codes = model.encode(model.representation.decode(tune(6)))
    assert codes.mean.shape == codes.std.shape == (3, model.z_size)
    assert bool((codes.std > 0).all())
    assert codes.lengths.tolist() == [[16, 16]] * 3
    assert [o.start_step for o in codes.origins] == [0, 32, 64]
    assert codes.model == model.name == "melody-2bar"
    for i, example in enumerate(tune(6)):
        tokens = torch.from_numpy(example.tokens)[None].long()
        with torch.no_grad():
            posterior = model.model.posterior(tokens, codes.lengths[i : i + 1])
        torch.testing.assert_close(codes.mean[i : i + 1], posterior.mean)
        torch.testing.assert_close(codes.std[i : i + 1], posterior.std)


def test_every_kind_of_source_gives_the_same_codes(model: MusicVAE, tmp_path: Path) -> None:
    music = song(7, qpm=97.0, meters=[(0, 4, 4)])
    path = tmp_path / "song.mid"
    write_midi(music, path)
    expected = model.encode(music)
    sources = {
        "path": path,
        "name": str(path),
        "bytes": path.read_bytes(),
        "examples": model.representation.encode(music),
        "note_seq": to_note_sequence(music),
        "pretty_midi": to_pretty_midi(music),
        "symusic": to_symusic(music),
    }
    for kind, source in sources.items():
        codes = model.encode(source)
        assert torch.equal(codes.mean, expected.mean), kind
        assert torch.equal(codes.lengths, expected.lengths), kind
        assert [o.program for o in codes.origins] == [21] * 4, kind
        assert codes.origins[0].qpm == pytest.approx(97.0, abs=1e-3), kind


def test_windows_beyond_a_batch_are_encoded_and_decoded_in_order(
    model: MusicVAE, monkeypatch: pytest.MonkeyPatch
) -> None:
    examples = tune(14)
    at_once = model.encode_examples(examples)
    whole = model.decode(at_once)
    monkeypatch.setattr("musicvae.pipeline.coder.BATCH", 3)
    in_parts = model.encode_examples(examples)
    torch.testing.assert_close(at_once.mean, in_parts.mean)
    assert same(model.decode(at_once), whole)


def test_decode_takes_codes_or_bare_numbers(model: MusicVAE) -> None:
    z = torch.randn(3, model.z_size)
    music = model.decode(z)
    assert isinstance(music, Score)
    assert music.end.max() <= 3 * 2 * 4 * 0.5 + 1e-9  # three windows of two bars at 120
    assert same(music, model.decode(z))  # temperature 0 leaves nothing to chance
    assert same(music, model.decode(z.double().requires_grad_()))


@pytest.mark.parametrize("classes", [90, 300])
def test_tokens_are_the_smallest_integers_that_hold_every_class(
    model: MusicVAE, classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = model.representation.spec
    many = type(spec)(
        inputs=spec.inputs,
        outputs=type(spec.outputs)(classes),
        length=spec.length,
        segments=spec.segments,
    )
    monkeypatch.setattr(type(model.representation), "spec", property(lambda _: many))
    top = torch.full((1, spec.length), classes - 1)
    monkeypatch.setattr(model.model, "decode", lambda *_: top)
    tokens = model.decode_examples(torch.zeros(1, model.z_size))[0].tokens
    assert tokens.tolist() == [classes - 1] * spec.length
    assert tokens.dtype == (np.uint8 if classes == 90 else np.uint16)


def test_seeds_decide_what_is_drawn(model: MusicVAE) -> None:
    z = torch.randn(2, model.z_size)
    for draw in (
        lambda seed: model.decode(z, temperature=1.0, seed=seed),
        lambda seed: model.sample(1, temperature=1.0, seed=seed)[0],
        lambda seed: model.sample(1, temperature=0.0, seed=seed)[0],  # z is drawn, too
        lambda seed: model.vary(tune(4), amount=0.9, seed=seed)[0],
        lambda seed: model.reconstruct(tune(4), temperature=1.0, seed=seed).result,
        lambda seed: model.morph(tune(4), tune(4, low=50), bars=8, temperature=1.0, seed=seed),
    ):
        assert same(draw(1), draw(1))
        assert not same(draw(1), draw(2))
        assert not same(draw(None), draw(None))


def test_samples_come_from_the_prior(model: MusicVAE, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[torch.Tensor] = []

    def listen(z: torch.Tensor, *_: Any) -> list[Example]:
        seen.append(z)
        return list(tune(2)) * len(z)

    monkeypatch.setattr(model, "decode_examples", listen)
    assert len(model.sample(2000, seed=3)) == 2000
    z = seen[0]
    assert z.shape == (2000, model.z_size)
    assert float(z.mean()) == pytest.approx(0, abs=0.02)
    assert float(z.std()) == pytest.approx(1, abs=0.02)
    assert float(z.std(dim=0).min()) > 0.9  # in every dimension


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


def test_a_variation_by_all_has_nothing_of_the_source_left(model: MusicVAE) -> None:
    one, other = (model.vary(t, amount=1.0, seed=5)[0] for t in (tune(4), tune(4, low=50)))
    assert same(one, other)


def test_reconstruct_counts_the_right_steps_of_each_bar(
    model: MusicVAE, monkeypatch: pytest.MonkeyPatch
) -> None:
    truth = tune(4)
    wrong = [Example(tokens=e.tokens.copy(), lengths=e.lengths) for e in truth]
    wrong[0].tokens[:4] = 9  # a quarter of the first bar
    monkeypatch.setattr(model, "decode_examples", lambda *_: wrong)
    found = model.reconstruct(truth)
    assert found.accuracy.tolist() == [[0.75, 1.0], [1.0, 1.0]]
    assert found.share == 60 / 64


def test_bars_that_fill_the_last_window_up_neither_count_nor_sound(model: MusicVAE) -> None:
    found = model.reconstruct(song(21), temperature=3.0, seed=1)
    assert found.accuracy.shape == (11, 2)
    assert np.isnan(found.accuracy).sum() == 1
    assert np.isnan(found.accuracy[-1, -1])
    assert found.bars.tolist() == found.accuracy.ravel()[:21].tolist()
    assert found.share == pytest.approx(found.bars.mean())
    assert found.result.total_seconds <= 21 * 2.0 + 1e-9
    assert found.source.total_seconds == pytest.approx(21 * 2.0)
    for music in (
        *model.vary(song(21), amount=0.5, temperature=3.0),
        model.decode(model.encode(song(21)), temperature=3.0),
    ):
        assert music.total_seconds <= 21 * 2.0 + 1e-9


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        (r"temperature is 0 \(likeliest\) or above, not -1",
         lambda m: m.decode(torch.zeros(1, m.z_size), temperature=-1)),
        ("temperature is 0 .* not nan",
         lambda m: m.decode(torch.zeros(1, m.z_size), temperature=float("nan"))),
        ("temperature is 0 .* not -2", lambda m: m.sample(1, temperature=-2)),
        ("n is how many to make, 1 or more, not 0", lambda m: m.sample(0)),
        ("1 or more, not -2", lambda m: m.vary(tune(2), n=-2)),
        (r"amount goes from 0 \(unchanged\) to 1 \(all new\), not 1.5",
         lambda m: m.vary(tune(2), amount=1.5)),
        ("no examples to encode", lambda m: m.encode_examples([])),
    ],
)  # fmt: skip
def test_mistakes_are_answered_in_words(model: MusicVAE, said: str, wrong: Any) -> None:
    with pytest.raises(ValueError, match=said):
        wrong(model)


def test_what_holds_no_music_has_no_posterior(model: MusicVAE, tmp_path: Path) -> None:
    with pytest.raises(Rejected):
        model.encode(model.representation.decode([]))
    with pytest.raises(InvalidMusic, match="an object of type int is no music"):
        model.encode(3)
    with pytest.raises(InvalidMusic, match=r"none\.mid"):
        model.encode(tmp_path / "none.mid")


@pytest.mark.parametrize("name", MELODIES)
def test_saved_and_loaded_it_makes_the_same(name: str, tmp_path: Path) -> None:
    model = MusicVAE(Checkpoint(preset=small(name), weights=build(name).state_dict()), "cpu")
    model.save_pretrained(tmp_path / "mine")
    again = MusicVAE.from_pretrained(tmp_path / "mine", device="cpu")
    assert again.checkpoint.preset == model.checkpoint.preset
    music = song(16)
    assert torch.equal(model.encode(music).mean, again.encode(music).mean)
    z = torch.randn(2, model.z_size)
    assert same(model.decode(z), again.decode(z))


def test_devices() -> None:
    assert choose_device("cpu") == choose_device(torch.device("cpu")) == torch.device("cpu")
    assert choose_device("auto").type in {"cpu", "cuda", "mps"}
    for name in ("abacus", "cuda:99", "meta:x"):
        with pytest.raises(ValueError, match=f"there is no device '{name}' here: "):
            choose_device(name)
