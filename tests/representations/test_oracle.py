"""Every published configuration makes of every recorded file what the reference made of it."""

from __future__ import annotations

import pytest

from tests.representations.oracle import CONVERTERS, Converter, compare, recordings


@pytest.mark.oracle
@pytest.mark.parametrize("converter", CONVERTERS, ids=str)
def test_every_recorded_file_is_equal(converter: Converter) -> None:
    files = recordings()
    if not files:
        pytest.skip("MUSICVAE_ORACLE names no folder of recordings")
    compared = {file.stem: compare(converter, file) for file in files}
    unequal = [name for name, c in compared.items() if not c.tensors or c.notes is False]
    assert not unequal, f"{len(unequal)} of {len(files)} differ"
    assert sum(c.windows for c in compared.values())
    assert converter.notes is None or any(c.notes for c in compared.values())
