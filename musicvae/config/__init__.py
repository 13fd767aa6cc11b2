"""What a model is and how it is trained, as frozen data that goes to JSON and back.

A choice is one dataclass of a union (`Bidirectional | EveryStep | BarByBar`), never a name to be
compared.
"""

from musicvae.config.as_json import KINDS, from_json, override, preset_of, to_json
from musicvae.config.model import (
    BarByBar,
    Bidirectional,
    Conductor,
    ConductorViews,
    Decoder,
    Encoder,
    EveryStep,
    Flat,
    FlatViews,
    Hierarchical,
    ModelConfig,
    NoEncoder,
)
from musicvae.config.preset import Preset
from musicvae.config.training import (
    Aggressive,
    FreeBits,
    PerBatch,
    PerBatchDimension,
    PerDimension,
    PerExample,
    Pretraining,
    TargetRate,
    TrainingConfig,
)

__all__ = [
    "KINDS",
    "Aggressive",
    "BarByBar",
    "Bidirectional",
    "Conductor",
    "ConductorViews",
    "Decoder",
    "Encoder",
    "EveryStep",
    "Flat",
    "FlatViews",
    "FreeBits",
    "Hierarchical",
    "ModelConfig",
    "NoEncoder",
    "PerBatch",
    "PerBatchDimension",
    "PerDimension",
    "PerExample",
    "Preset",
    "Pretraining",
    "TargetRate",
    "TrainingConfig",
    "from_json",
    "override",
    "preset_of",
    "to_json",
]
