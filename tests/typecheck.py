"""The run-time type checker that `conftest.py` installs: beartype, with int accepted as float."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

check = beartype(conf=BeartypeConf(is_pep484_tower=True))
