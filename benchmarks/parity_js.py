"""How far from the originals are models that were imported from Magenta.js?

    PYTHONPATH=. MUSICVAE_ORACLE=FOLDER python benchmarks/parity_js.py

Every recorded folder is read as `musicvae import` does it, and given what the original was given.
Magenta.js has no losses, and its encoder gives the mean alone; what is compared is told in
`parity.py`.
"""

from __future__ import annotations

import os

from common import save_result

from tests.interop.js_oracle import CLOSE_LOGITS, RECORDED, JsOracle

LIMITS = {"mean": 1e-5, "logits": CLOSE_LOGITS, "greedy": 0}


def main() -> None:
    if "MUSICVAE_ORACLE" not in os.environ:
        raise SystemExit("MUSICVAE_ORACLE names no folder of recordings")
    rows = []
    for name in RECORDED:
        found = JsOracle(name).compare()
        rows.append(
            {
                "original": "Magenta.js",
                "model": name,
                "mean": float(f"{found.means:.1e}"),
                "logits": float(f"{found.logits:.1e}"),
                "greedy": found.greedy,
                "greedy_steps": found.steps,
            }
        )
        print(rows[-1])
    within = sum(all(row[k] <= limit for k, limit in LIMITS.items()) for row in rows)
    result = {
        "question": "models imported from Magenta.js against what the originals computed",
        "answer": f"{within} of {len(rows)} within the limits",
        "limits": LIMITS,
        "models": rows,
    }
    save_result("parity-magenta-js", result, ("numpy", "torch"))


if __name__ == "__main__":
    main()
