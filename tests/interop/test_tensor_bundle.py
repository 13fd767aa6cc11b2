"""Reading TensorFlow's checkpoints, and refusing what is damaged or no such thing."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from musicvae.interop.checkpoint_files import open_bundle
from musicvae.interop.crc32c import crc32c, masked
from musicvae.interop.sstable import read_table, unpack_snappy
from musicvae.interop.tensor_bundle import TensorBundle
from tests.interop.bundles import snappy_literals, table, varint, write_bundle

RNG = np.random.default_rng(0)
VARIABLES = {
    "decoder/cell_0/kernel": RNG.standard_normal((5, 8)).astype(np.float32),
    "decoder/cell_0/bias": RNG.standard_normal(8).astype(np.float32),
    "encoder/half": RNG.standard_normal((2, 3, 1)).astype(np.float16),
    "global_step": np.array(50_000),
    "nothing": np.zeros((0, 3)),
}


def equal(found: TensorBundle, expected: dict[str, np.ndarray]) -> bool:
    return found.keys() == expected.keys() and all(
        np.array_equal(found[k], a) and found[k].dtype == a.dtype and found.shape(k) == a.shape
        for k, a in expected.items()
    )


@pytest.mark.parametrize(
    ("data", "crc"),  # RFC 3720, appendix B.4
    [
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_the_checksum_is_that_of_the_standard(data: bytes, crc: int) -> None:
    assert crc32c(np.frombuffer(data, np.uint8)) == crc


def bit_by_bit(data: bytes) -> int:
    register = 0xFFFFFFFF
    for byte in data:
        register ^= byte
        for _ in range(8):
            register = register >> 1 ^ (0x82F63B78 if register & 1 else 0)
    return register ^ 0xFFFFFFFF


@pytest.mark.parametrize("size", [1, 3, 4, 127, 128, 2051, 32_768, 70_001])
def test_the_checksum_is_that_of_the_definition_at_any_length(size: int) -> None:
    data = RNG.integers(0, 256, size, np.uint8)
    assert crc32c(data) == bit_by_bit(data.tobytes())


def test_a_stored_checksum_is_masked() -> None:
    assert masked(0) == 0xA282EAD8
    assert masked(0x00008000) == 0xA282EAD9


@settings(max_examples=30, deadline=None)
@given(
    pairs=st.dictionaries(st.binary(min_size=1, max_size=12), st.binary(max_size=40), max_size=60),
    block_size=st.integers(1, 400),
    restart_every=st.integers(1, 20),
    packed=st.booleans(),
)
def test_any_table_is_read(
    pairs: dict[bytes, bytes], block_size: int, restart_every: int, packed: bool
) -> None:
    ordered = sorted(pairs.items())
    content = table(ordered, block_size, restart_every, snappy_literals if packed else None)
    assert read_table(content) == ordered


def test_snappy_copies_what_came_before() -> None:
    literal = bytes([4 << 2]) + b"abcde"
    near = bytes([(4 - 4) << 2 | 1, 5])  # 4 bytes from 5 before: abcd
    far = bytes([(6 - 1) << 2 | 2, 2, 0])  # 6 bytes from 2 before, which overlap: cdcdcd
    farthest = bytes([(3 - 1) << 2 | 3, 15, 0, 0, 0])  # 3 bytes from 15 before: abc
    long = bytes([60 << 2, 69]) + b"x" * 70
    packed = varint(18 + 70) + literal + near + far + farthest + long
    assert unpack_snappy(packed) == b"abcdeabcdcdcdcdabc" + b"x" * 70


@pytest.mark.parametrize("shards", [1, 3])
@pytest.mark.parametrize("packed", [None, snappy_literals])
def test_every_variable_is_read(tmp_path: Path, shards: int, packed: object) -> None:
    index = write_bundle(tmp_path / "m.ckpt", VARIABLES, shards=shards, block_size=50, pack=packed)
    data = tmp_path / f"m.ckpt.data-00000-of-0000{shards}"
    for source in (index, data, tmp_path / "m.ckpt", tmp_path):
        assert equal(open_bundle(source), VARIABLES)


def tarred(path: Path, folder: Path, mode: str = "w", prefix: str = "a/b/") -> Path:
    with tarfile.open(path, mode) as tar:
        for file in sorted(folder.glob("m.ckpt*")):
            tar.add(file, prefix + file.name)
    return path


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2"])
def test_a_tar_is_read_where_it_lies(tmp_path: Path, mode: str) -> None:
    write_bundle(tmp_path / "m.ckpt", VARIABLES, shards=2)
    (tmp_path / "m.ckpt.meta").write_bytes(b"a graph")
    path = tarred(tmp_path / "model.tar", tmp_path, mode)
    before = sorted(tmp_path.rglob("*"))
    assert equal(open_bundle(path), VARIABLES)
    assert sorted(tmp_path.rglob("*")) == before


def test_what_a_mac_leaves_in_a_tar_is_passed_over(tmp_path: Path) -> None:
    write_bundle(tmp_path / "m.ckpt", VARIABLES)
    path = tarred(tmp_path / "model.tar", tmp_path)
    with tarfile.open(path, "a") as tar:
        tar.addfile(tarfile.TarInfo("a/b/._m.ckpt.index"))
    assert equal(open_bundle(path), VARIABLES)


def test_bfloat16_is_read(tmp_path: Path) -> None:
    values = np.array([1.0, -2.5, 3e38], np.float32).view(np.uint32) >> 16
    index = write_bundle(tmp_path / "m", {"x": values.astype("<u2").view("<f2")})
    content = read_table(index.read_bytes())
    as_bfloat = [(k, v.replace(b"\x08\x13", b"\x08\x0e", 1)) for k, v in content]
    index.write_bytes(table(as_bfloat))
    np.testing.assert_allclose(open_bundle(index)["x"], [1.0, -2.5, 3e38], rtol=1e-2)


def flipped(path: Path, at: int) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 0x10
    path.write_bytes(content)


def test_a_wrong_checksum_names_the_file_and_the_variable(tmp_path: Path) -> None:
    index = write_bundle(tmp_path / "m", VARIABLES)
    flipped(tmp_path / "m.data-00000-of-00001", 5)
    bundle = open_bundle(index)
    with pytest.raises(ValueError, match=r"^m\.data-00000-of-00001 in .* is damaged: .* decoder"):
        _ = bundle["decoder/cell_0/bias"]
    assert np.array_equal(bundle["decoder/cell_0/kernel"], VARIABLES["decoder/cell_0/kernel"])


def test_a_shard_that_is_cut_off_or_missing_is_named(tmp_path: Path) -> None:
    index = write_bundle(tmp_path / "m", VARIABLES)
    shard = tmp_path / "m.data-00000-of-00001"
    shard.write_bytes(shard.read_bytes()[:40])
    with pytest.raises(ValueError, match=r"m\.data-00000-of-00001 in .* is cut off: it has 40"):
        _ = open_bundle(index)["decoder/cell_0/kernel"]
    shard.unlink()
    with pytest.raises(ValueError, match=r"m\.data-00000-of-00001 in .* is missing"):
        _ = open_bundle(index)["decoder/cell_0/kernel"]
    index.unlink()
    with pytest.raises(ValueError, match=r"m\.index is missing"):
        open_bundle(tmp_path / "m.data-00000-of-00001")


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_a_damaged_index_is_refused_by_name(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Cut anywhere, or with a bit changed anywhere: one that does not count, or a clear answer."""
    folder = tmp_path_factory.mktemp("damaged")
    index = write_bundle(folder / "m", VARIABLES, block_size=60)
    whole = index.read_bytes()
    if data.draw(st.booleans()):
        index.write_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])
        with pytest.raises(ValueError, match=r"^m\.index in "):
            open_bundle(index)
        return
    flipped(index, data.draw(st.integers(0, len(whole) - 1)))
    try:
        bundle = open_bundle(index)
    except ValueError as error:
        assert str(error).startswith("m.index in ")  # noqa: PT017 - or it is read
    else:
        assert equal(bundle, VARIABLES)


@settings(max_examples=60, deadline=None)
@given(value=st.binary(max_size=30))
def test_any_bytes_for_a_variable_are_answered(
    tmp_path_factory: pytest.TempPathFactory, value: bytes
) -> None:
    """With a right checksum around them: nothing but `ValueError` comes out."""
    folder = tmp_path_factory.mktemp("any")
    (folder / "m.index").write_bytes(table([(b"", b"\x08\x01"), (b"x", value)]))
    (folder / "m.data-00000-of-00001").write_bytes(bytes(8))
    try:
        bundle = open_bundle(folder)
        _ = bundle["x"]
    except ValueError as error:
        assert str(error).startswith("m.")  # noqa: PT017 - or it is read


def test_what_is_not_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="big-endian"):
        open_bundle(write_bundle(tmp_path / "big", VARIABLES, big_endian=True))
    strings = table([(b"", b"\x08\x01"), (b"words", b"\x08\x07\x28\x03")])
    (tmp_path / "s.index").write_bytes(strings)
    with pytest.raises(ValueError, match=r"s\.index in .*: words holds strings"):
        _ = open_bundle(tmp_path / "s.index")["words"]
    with pytest.raises(ValueError, match=r"several checkpoints; take one of them: big\.index, s\."):
        open_bundle(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match=r"holds no TensorFlow checkpoint"):
        open_bundle(tmp_path / "empty")
    with pytest.raises(ValueError, match=r"there is no file .*nowhere\.tar"):
        open_bundle(tmp_path / "nowhere.tar")


class Trap:
    """Unpickled, it would leave a mark."""

    def __reduce__(self) -> tuple[object, tuple[str, ...]]:
        return (Path.touch, (Path("sprung"),))  # type: ignore[return-value]


@pytest.mark.parametrize("name", ["model.tar", "model.index", "model.pt"])
def test_a_pickle_in_disguise_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_bytes(pickle.dumps([Trap(), list(range(1000))]))
    with pytest.raises(ValueError, match="a file of another kind"):
        open_bundle(tmp_path / name)
    assert sorted(p.name for p in tmp_path.iterdir()) == [name]


@pytest.mark.parametrize("name", ["../m.ckpt.index", "/etc/m.ckpt.index", "a\\..\\m.ckpt.index"])
def test_a_tar_that_climbs_out_is_refused(name: str, tmp_path: Path) -> None:
    write_bundle(tmp_path / "m.ckpt", VARIABLES)
    path = tarred(tmp_path / "model.tar", tmp_path)
    with tarfile.open(path, "a") as tar:
        member = tarfile.TarInfo(name)
        member.size = 3
        tar.addfile(member, io.BytesIO(b"out"))
    with pytest.raises(ValueError, match="leads out of the folder"):
        open_bundle(path)


def test_a_tar_with_a_link_is_refused(tmp_path: Path) -> None:
    write_bundle(tmp_path / "m.ckpt", VARIABLES)
    path = tarred(tmp_path / "model.tar", tmp_path)
    with tarfile.open(path, "a") as tar:
        link = tarfile.TarInfo("a/b/m.ckpt.data-00000-of-00002")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    with pytest.raises(ValueError, match="no plain file"):
        open_bundle(path)


@pytest.mark.parametrize("mode", ["w", "w:gz"])
def test_a_tar_that_is_cut_off_is_refused(mode: str, tmp_path: Path) -> None:
    write_bundle(tmp_path / "m.ckpt", {**VARIABLES, "x": RNG.standard_normal(5000)})
    path = tarred(tmp_path / "model.tar", tmp_path, mode)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(ValueError, match=r"model\.tar is no whole tar archive: it is cut off"):
        open_bundle(path)
