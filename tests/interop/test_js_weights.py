from __future__ import annotations

import json
import pickle
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from musicvae.interop import js_weights
from musicvae.interop.js_weights import MANIFEST, read_weights, shapes_of, write_weights

FLOATS = st.floats(-50, 50, width=32)
WEIGHTS = st.dictionaries(
    st.text("abc/_0", min_size=1),
    arrays.arrays(np.float32, arrays.array_shapes(max_dims=3, max_side=5), elements=FLOATS),
    min_size=1,
    max_size=4,
)


@settings(max_examples=20)
@given(weights=WEIGHTS, shard=st.integers(1, 64))
def test_what_is_written_is_read_again(
    weights: dict[str, np.ndarray], shard: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Wherever the bytes are cut."""
    folder = tmp_path_factory.mktemp("js")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(js_weights, "SHARD_BYTES", shard)
        write_weights(weights, folder)
    found = read_weights(folder)
    assert list(found) == list(weights)
    assert shapes_of(folder) == {name: values.shape for name, values in weights.items()}
    for name, values in weights.items():
        np.testing.assert_array_equal(found[name], values)


@pytest.mark.parametrize("bits", [8, 16])
@settings(max_examples=20)
@given(weights=WEIGHTS)
def test_quantized_weights_are_half_a_step_off_at_most(
    bits: int, weights: dict[str, np.ndarray], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """And 0 is 0."""
    folder = tmp_path_factory.mktemp("js")
    write_weights(weights, folder, bits)
    for name, values in read_weights(folder).items():
        written = weights[name]
        step = (max(written.max(), 0) - min(written.min(), 0)) / (2**bits - 1)
        assert np.abs(values - written).max() <= 1.01 * step + 1e-6
        assert (values[written == 0] == 0).all()


def test_dequantizing_is_done_in_double(tmp_path: Path) -> None:
    """As in JavaScript, which has no other numbers; then it is rounded to float32 once."""
    scale, low = 0.0019375788230522005, -0.24994766817373387  # of a published model
    said = [{"name": "a", "shape": [3], "dtype": "float32"}]
    said[0]["quantization"] = {"min": low, "scale": scale, "dtype": "uint16"}
    codes = np.array([0, 129, 65535], dtype="<u2")
    _folder(tmp_path, said, codes.tobytes())
    expected = [np.float32(c * scale + low) for c in codes.tolist()]
    assert read_weights(tmp_path)["a"].tolist() == expected


def test_weights_of_16_bit_floats_are_read(tmp_path: Path) -> None:
    values = np.array([1.5, -2.0, 65504.0], dtype="<f2")
    said = {"name": "a", "shape": [3, 1], "dtype": "float32", "quantization": {"dtype": "float16"}}
    _folder(tmp_path, [said], values.tobytes())
    np.testing.assert_array_equal(read_weights(tmp_path)["a"], values[:, None])


def test_weights_are_read_from_a_server(tmp_path: Path) -> None:
    weights = {"a": np.arange(6, dtype=np.float32).reshape(2, 3)}
    write_weights(weights, tmp_path)
    with _served(tmp_path) as url:
        np.testing.assert_array_equal(read_weights(url + "/")["a"], weights["a"])
        with pytest.raises(ValueError, match="the server answers 404"):
            read_weights(f"{url}/elsewhere")
    with pytest.raises(ValueError, match="cannot be loaded: "):
        read_weights(url)


def _entry(**changes: Any) -> dict[str, Any]:
    return {"name": "a", "shape": [2], "dtype": "float32", **changes}


@pytest.mark.parametrize(
    ("groups", "reason"),
    [
        ({}, "no list of groups"),
        ([], "no list of groups"),
        ([{"paths": []}], "no 'paths' or no 'weights'"),
        ([{"paths": "x", "weights": []}], "no lists"),
        ([{"paths": ["../x"], "weights": []}], "'../x', which is not in its folder"),
        ([{"paths": ["/etc/passwd"], "weights": []}], "which is not in its folder"),
        ([{"paths": ["http://elsewhere/x"], "weights": []}], "which is not in its folder"),
        ([{"paths": ["x"], "weights": [3]}], "has no name, shape or dtype"),
        ([{"paths": ["x"], "weights": [_entry(shape=[-1])]}], "shape \\[-1\\], which is none"),
        ([{"paths": ["x"], "weights": [_entry(shape=[1.5])]}], "which is none"),
        ([{"paths": ["x"], "weights": [_entry(dtype="string")]}], "known are float32 and int32"),
        (
            [{"paths": ["x"], "weights": [_entry(quantization={"dtype": "uint8"})]}],
            "with a finite min and scale",
        ),
        (
            [{"paths": ["x"], "weights": [_entry(quantization={"dtype": "uint4"})]}],
            "known are uint8 and uint16",
        ),
        ([{"paths": ["x"], "weights": [_entry(), _entry()]}], "lists a twice"),
        ([{"paths": ["x"], "weights": [_entry(shape=[10**9, 10**9])]}], "a file was cut short"),
        ([{"paths": ["x"], "weights": [_entry(shape=[5])]}], "16 bytes where .* lists 20"),
        ([{"paths": ["x"], "weights": [_entry()]}], "longer than the 8 bytes"),
        ([{"paths": ["y"], "weights": [_entry()]}], "y is missing; .* must be copied whole"),
    ],
)
def test_a_wrong_manifest_is_refused(groups: Any, reason: str, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(bytes(16))
    (tmp_path / MANIFEST).write_text(json.dumps(groups))
    with pytest.raises(ValueError, match=reason):
        read_weights(tmp_path)


@pytest.mark.parametrize("damage", [lambda b: b[:-1], lambda b: b + b"\0"])
def test_a_shard_of_the_wrong_size_is_refused(
    damage: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    write_weights({"a": np.ones((3, 3), dtype=np.float32)}, tmp_path)
    shard = tmp_path / "group1-shard1of1.bin"
    shard.write_bytes(damage(shard.read_bytes()))
    with pytest.raises(ValueError, match=r"cut short|longer than"):
        read_weights(tmp_path)


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    write_weights({"a": np.array([1, np.nan], dtype=np.float32)}, tmp_path)
    with pytest.raises(ValueError, match="the weight a has values that are no numbers"):
        read_weights(tmp_path)


class _Bomb:
    def __reduce__(self) -> tuple[Callable[[], None], tuple[()]]:
        return _explode, ()


def _explode() -> None:
    raise AssertionError("something was unpickled")


def test_a_pickle_in_disguise_is_never_unpickled(tmp_path: Path) -> None:
    (tmp_path / MANIFEST).write_bytes(pickle.dumps(_Bomb()))
    with pytest.raises(ValueError, match=f"{MANIFEST} is no JSON"):
        read_weights(tmp_path)
    _folder(tmp_path, [_entry()], pickle.dumps(_Bomb()))
    with pytest.raises(ValueError, match="longer than the 8 bytes"):
        read_weights(tmp_path)


def _folder(folder: Path, weights: list[dict[str, Any]], data: bytes) -> None:
    (folder / MANIFEST).write_text(json.dumps([{"paths": ["x"], "weights": weights}]))
    (folder / "x").write_bytes(data)


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name there
        pass


@contextmanager
def _served(folder: Path) -> Iterator[str]:
    """The URL of a folder on a server of this machine."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
