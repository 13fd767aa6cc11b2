"""The theory of variational autoencoders, measured: what docs/theory.md is rendered from.

    python -m benchmarks.theory --data-melody FOLDER --data-text FOLDER
    python -m benchmarks.theory --quick

One file a section. The folders are datasets that `musicvae prepare` has made.
"""
