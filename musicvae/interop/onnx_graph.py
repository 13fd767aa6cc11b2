"""An ONNX graph, built operator by operator.

A value is the name of an operator's output. Shapes are fixed but for the first dimension, B; in a
target shape 0 keeps a dimension as it is, and -1 takes what is left, as ONNX has it.

Letters: B batch, I inputs, H units.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from torch import Tensor, nn

OPSET = 17  # the first with LayerNormalization; onnxruntime reads it since 1.13
_IR_VERSION = 8  # of the file, as old as the operators


class Graph:
    """Operators in the order in which they run."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._nodes: list[Any] = []
        self._constants: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []

    def input(self, name: str, dtype: type, *shape: int) -> str:
        """A value given from outside: (B, *shape)."""
        self._inputs.append(_declared(name, dtype, ("batch", *shape)))
        return name

    def scalar(self, name: str, dtype: type) -> str:
        """A single number given from outside."""
        self._inputs.append(_declared(name, dtype, ()))
        return name

    def output(self, name: str, value: str, dtype: type, *shape: int) -> None:
        """Give `value` (B, *shape) a name outside."""
        self.op("Identity", value, name=name)
        self._outputs.append(_declared(name, dtype, ("batch", *shape)))

    def op(self, kind: str, *inputs: str, name: str = "", **attributes: Any) -> str:
        """An operator with one output."""
        return self.ops(kind, *inputs, outputs=1, name=name, **attributes)[0]

    def ops(
        self, kind: str, *inputs: str, outputs: int, name: str = "", **attributes: Any
    ) -> list[str]:
        """An operator with several outputs."""
        from onnx import helper

        base = name or f"{kind}_{len(self._nodes)}"
        names = [base] if outputs == 1 else [f"{base}_{i}" for i in range(outputs)]
        self._nodes.append(helper.make_node(kind, inputs, names, **attributes))
        return names

    def constant(self, value: Any, dtype: type = np.float32) -> str:
        """An array, or a tensor of weights."""
        from onnx import numpy_helper

        array = value.detach().cpu().numpy() if isinstance(value, Tensor) else np.asarray(value)
        name = f"constant_{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(array.astype(dtype, order="C"), name))
        return name

    def build(self) -> bytes:
        """The file's content, checked against the ONNX standard."""
        import onnx
        from onnx import helper

        graph = helper.make_graph(
            self._nodes, self.name, self._inputs, self._outputs, self._constants
        )
        model = helper.make_model(
            graph,
            producer_name="musicvae",
            ir_version=_IR_VERSION,
            opset_imports=[helper.make_opsetid("", OPSET)],
        )
        onnx.checker.check_model(model, full_check=True)
        content: bytes = model.SerializeToString()
        return content

    def shapes(self, *sizes: int) -> str:
        """Whole numbers, as shapes, axes and splits are told."""
        return self.constant(sizes, np.int64)

    def reshape(self, x: str, *sizes: int) -> str:
        return self.op("Reshape", x, self.shapes(*sizes))

    def concat(self, *parts: str) -> str:
        """Side by side in the last dimension."""
        return parts[0] if len(parts) == 1 else self.op("Concat", *parts, axis=-1)

    def split(self, x: str, sizes: Sequence[int]) -> list[str]:
        """The last dimension in parts, of which some may be empty."""
        if len(sizes) == 1:
            return [x]
        return self.ops("Split", x, self.shapes(*sizes), outputs=len(sizes), axis=-1)

    def cast(self, x: str, dtype: type) -> str:
        return self.op("Cast", x, to=_onnx_type(dtype))

    def linear(self, x: str, layer: nn.Module) -> str:
        """(..., I) -> (..., H)."""
        assert isinstance(layer, nn.Linear)
        product = self.op("MatMul", x, self.constant(layer.weight.T))
        return product if layer.bias is None else self.op("Add", product, self.constant(layer.bias))

    def gelu(self, x: str) -> str:
        """x / 2 (1 + erf(x / sqrt 2))."""
        bent = self.op("Erf", self.op("Mul", x, self.constant(0.5**0.5)))
        half = self.op("Mul", x, self.constant(0.5))
        return self.op("Mul", half, self.op("Add", bent, self.constant(1.0)))

    def layer_norm(self, x: str, layer: nn.Module) -> str:
        assert isinstance(layer, nn.LayerNorm)
        return self.op(
            "LayerNormalization",
            x,
            self.constant(layer.weight),
            self.constant(layer.bias),
            axis=-1,
            epsilon=layer.eps,
        )

    def sequential(self, x: str, layers: nn.Sequential) -> str:
        """Linear layers, norms and GELUs, one after another."""
        for layer in layers:
            if isinstance(layer, nn.GELU):
                x = self.gelu(x)
            elif isinstance(layer, nn.LayerNorm):
                x = self.layer_norm(x, layer)
            else:
                x = self.linear(x, layer)
        return x


def _declared(name: str, dtype: type, shape: tuple[int | str, ...]) -> Any:
    from onnx import helper

    return helper.make_tensor_value_info(name, _onnx_type(dtype), shape)


def _onnx_type(dtype: type) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))
