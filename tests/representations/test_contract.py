"""What every representation must do. A new one joins by one line of `REPRESENTATIONS`."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicvae.config import from_json, to_json
from musicvae.notes.score import Meter, Score, Tempo, Track
from musicvae.representations.base import Example, Origin, Rejected, Representation
from musicvae.representations.melody import Lenient, Melody, Strict

REPRESENTATIONS: list[Representation[Any]] = [
    Melody(bars=2),
    Melody(bars=16),
    Melody(bars=2, extraction=Lenient(track=0), transpose=0),
    Melody(bars=2, extraction=Strict(programs=tuple(range(32)))),
    Melody(bars=16, extraction=Strict()),
]
every = pytest.mark.parametrize("representation", REPRESENTATIONS, ids=str)


@st.composite
def scores(draw: st.DrawFn) -> Score:
    """Any music: several tracks, overlaps, drums, changing tempos and meters, off the grid."""
    time = st.floats(0, 60, allow_nan=False)
    n = draw(st.integers(0, 40))
    start = np.array(draw(st.lists(time, min_size=n, max_size=n)), dtype=np.float64)
    length = np.array(draw(st.lists(st.floats(0, 5), min_size=n, max_size=n)), dtype=np.float64)
    track = st.builds(Track, program=st.integers(0, 127), is_drum=st.booleans())
    tracks = draw(st.lists(track, min_size=1, max_size=3))
    column = st.lists(st.integers(0, 127), min_size=n, max_size=n)
    tempos = draw(st.lists(st.builds(Tempo, time, st.floats(10, 400)), max_size=3))
    meters = draw(
        st.lists(
            st.builds(Meter, time, st.integers(1, 15), st.sampled_from([1, 2, 4, 8, 16])),
            max_size=3,
        )
    )
    which = st.lists(st.integers(0, len(tracks) - 1), min_size=n, max_size=n)
    return Score(
        pitch=np.array(draw(column), dtype=np.uint8),
        velocity=np.array(draw(column), dtype=np.uint8),
        start=start,
        end=start + length,
        track=np.array(draw(which), dtype=np.int32),
        tracks=tuple(tracks),
        tempos=(Tempo(0.0, 120.0), *sorted((t for t in tempos if t.time), key=lambda t: t.time)),
        meters=tuple(sorted(meters, key=lambda m: m.time)),
    )


def random_examples(representation: Representation[Any], seed: int) -> list[Example]:
    spec, rng = representation.spec, np.random.default_rng(seed)
    valid = [16, 12][int(rng.integers(2))]
    within = np.tile(np.arange(spec.segment_length) < valid, spec.segments)
    return [
        Example(
            tokens=np.where(within, rng.integers(0, spec.outputs.size, spec.length), 0).astype(
                np.uint8
            ),
            lengths=np.full(spec.segments, valid, dtype=np.uint16),
            origin=Origin(qpm=float(rng.integers(20, 300)), velocity=int(rng.integers(1, 128))),
        )
        for _ in range(int(rng.integers(1, 4)))
    ]


@every
def test_it_survives_json(representation: Representation[Any]) -> None:
    assert from_json(json.loads(json.dumps(to_json(representation)))) == representation


@every
@settings(max_examples=30)
@given(music=scores(), overlap=st.booleans())
def test_any_music_gives_examples_of_the_spec_or_a_reason(
    representation: Representation[Any], music: Score, overlap: bool
) -> None:
    survey = representation.survey(music, overlap=overlap)
    spec = representation.spec
    for example in survey.examples:
        assert example.tokens.shape == (spec.length,)
        assert example.tokens.dtype == np.uint8
        assert example.tokens.max() < spec.inputs.size
        assert example.lengths.shape == (spec.segments,)
        bars = example.tokens.reshape(spec.segments, -1)
        behind = np.arange(spec.segment_length) >= example.lengths[:, None]
        assert not bars[behind].any()
        assert example.origin.start_step >= 0
        assert example.origin.qpm in {t.qpm for t in music.tempos}
    assert survey.examples or survey.dropped
    assert all(n > 0 for n in survey.dropped.values())
    if survey.examples:
        assert len(representation.encode(music, overlap=overlap)) == len(survey.examples)
    else:
        with pytest.raises(Rejected):
            representation.encode(music, overlap=overlap)


@every
@settings(max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_any_tokens_decode_and_what_is_decoded_encodes_again(
    representation: Representation[Any], seed: int
) -> None:
    music = representation.decode(random_examples(representation, seed))
    assert (music.end > music.start).all()
    if len(music) and isinstance(representation.extraction, Lenient):  # type: ignore[attr-defined]
        again = representation.encode(music)
        assert len(representation.decode(again)) == len(music)
    else:
        representation.survey(music, overlap=True)


@every
@settings(max_examples=20)
@given(seed=st.integers(0, 2**32))
def test_augmentation_keeps_shape_type_and_vocabulary(
    representation: Representation[Any], seed: int
) -> None:
    tokens = np.stack([e.tokens for e in random_examples(representation, seed)])
    one = representation.augment(tokens, np.random.default_rng(seed))
    assert one.shape == tokens.shape
    assert one.dtype == tokens.dtype
    assert one.max() < representation.spec.inputs.size
    np.testing.assert_array_equal(one, representation.augment(tokens, np.random.default_rng(seed)))


@every
@settings(max_examples=30)
@given(seed=st.integers(0, 2**32))
def test_what_was_encoded_is_a_fixed_point(representation: Representation[Any], seed: int) -> None:
    """Music that a representation can hold comes back as the very same tokens."""
    survey = representation.survey(representation.decode(random_examples(representation, seed)))
    if not survey.examples or not isinstance(representation.extraction, Lenient):  # type: ignore[attr-defined]
        return
    again = representation.encode(representation.decode(survey.examples))
    np.testing.assert_array_equal([e.tokens for e in again], [e.tokens for e in survey.examples])
