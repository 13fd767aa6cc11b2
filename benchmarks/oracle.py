"""On how many recorded files is strict encoding the reference's, and decoding?

    PYTHONPATH=. MUSICVAE_ORACLE=FOLDER python benchmarks/oracle.py

Every published configuration of which there are recordings is compared with them as the tests do
it: inputs, outputs, controls and lengths of all windows in their order, and the notes and chords
of the windows that the reference decoded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from common import save_result

from tests.representations.oracle import CONVERTERS, Comparison, Converter, compare, recordings


def counts(converter: Converter, compared: Sequence[Comparison]) -> dict[str, Any]:
    decoded = [c.notes for c in compared if c.notes is not None]
    return {
        "configuration": converter.name,
        "mode": converter.windows,
        "files": len(compared),
        "equal_files": sum(c.tensors for c in compared),
        "files_with_windows": sum(c.windows > 0 for c in compared),
        "windows": sum(c.windows for c in compared),
        "decoded_files": len(decoded),
        "equal_decoded_files": sum(decoded),
    }


def main() -> None:
    files = recordings()
    if not files:
        raise SystemExit("MUSICVAE_ORACLE names no folder of recordings")
    rows = []
    for converter in CONVERTERS:
        rows.append(counts(converter, [compare(converter, file) for file in files]))
        print(rows[-1])
    total = {key: sum(row[key] for row in rows) for key in rows[0] if key.endswith("files")}
    result = {
        "question": "strict encoding and decoding against the recordings of the reference",
        "answer": f"{total['equal_files']} of {total['files']} encodings and "
        f"{total['equal_decoded_files']} of {total['decoded_files']} decodings equal "
        f"({len(rows)} configurations and modes, {len(files)} files)",
        "converters": rows,
    }
    print(result["answer"])
    save_result("oracle", result)


if __name__ == "__main__":
    main()
