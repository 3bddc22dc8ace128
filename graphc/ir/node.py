"""The graph: a Node is an op applied to tensors, a Tensor is one output of a node.

Both are immutable, and nodes are interned: building the same expression twice returns the same
object, so `a is b` means "the same computation". Operators and methods of Tensor are attached in
`graphc/ops/operators.py`, so this file knows no op by name. What an op costs, derives or lowers to
lives elsewhere, keyed by the op.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple, TypeVar, Union
from weakref import ReferenceType, WeakValueDictionary, ref

import numpy as np

from graphc.dtypes import DType
from graphc.errors import ModeError
from graphc.provenance import Source, user_source

from .dim import Dim, Shape, product
from .literal import Literal

if TYPE_CHECKING:
    from .graph import Graph


class TensorType(NamedTuple):
    """Shape and dtype of a tensor."""

    shape: Shape
    dtype: DType

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


AttrValue = Union[
    bool, int, float, str, None, Dim, DType, Literal, "Graph", tuple["AttrValue", ...]
]
Attrs = Mapping[str, AttrValue]
Infer = Callable[..., TensorType | tuple[TensorType, ...]]


class Op:
    """The name, type rule and traits of an operation; compared by identity.

    `infer(*inputs, **attrs)` answers the type of the output, or a tuple of types for several.
    `call` is what users run when the op itself is a public function (conversion, promotion and
    broadcasting happen there); `apply` is the bare application.
    """

    def __init__(
        self,
        name: str,
        infer: Infer,
        doc: str = "",
        *,
        traits: frozenset[str] = frozenset(),
        call: Callable[..., Tensor] | None = None,
    ) -> None:
        assert name not in OPS, f"there is one op called {name}"
        self.name, self.infer, self.traits, self.call, self.__doc__ = name, infer, traits, call, doc
        OPS[name] = self

    def __call__(self, *inputs: object, **attrs: object) -> Tensor:
        """Run the op as users do: inputs are converted, promoted and broadcast."""
        assert self.call is not None, f"{self.name} is used through a function of graphc.ops"
        return self.call(self, *inputs, **attrs)

    def __repr__(self) -> str:
        return f"<op {self.name}>"


OPS: dict[str, Op] = {}


class Node:
    """An op applied to tensors, with attributes; made only by `apply`."""

    __slots__ = (
        "__weakref__",
        "_outputs",
        "attrs",
        "inputs",
        "op",
        "serial",
        "source",
        "types",
    )

    op: Op
    inputs: tuple[Tensor, ...]
    attrs: Attrs
    types: tuple[TensorType, ...]
    source: Source
    serial: int
    _outputs: list[ReferenceType[Tensor] | None]

    def __repr__(self) -> str:
        return f"<node {self.label}>"

    @property
    def label(self) -> str:
        """The given name of a leaf, else op name and serial number."""
        name = self.attrs.get("name")
        return name if isinstance(name, str) else f"{self.op.name}_{self.serial}"

    def output(self, index: int = 0) -> Tensor:
        """The one Tensor object for an output."""
        known = self._outputs[index]
        tensor = known() if known is not None else None
        return self._made(index) if tensor is None else tensor

    def _made(self, index: int) -> Tensor:
        with _lock:
            known = self._outputs[index]
            tensor = known() if known is not None else None
            if tensor is None:
                tensor = Tensor(self, index)
                self._outputs[index] = ref(tensor)
        return tensor

    def adopt(self, tensor: Special) -> Special:
        """Make a tensor of a special class (a variable) the one object for its output."""
        self._outputs[tensor.index] = ref(tensor)
        return tensor

    @property
    def outputs(self) -> tuple[Tensor, ...]:
        """All outputs, in order."""
        return tuple(self.output(i) for i in range(len(self.types)))


Special = TypeVar("Special", bound="Tensor")


class Tensor:
    """One output of a node: a symbolic value of known rank and dtype.

    `==` builds the elementwise comparison; tensors are dictionary keys by identity.
    """

    __slots__ = ("__weakref__", "_value", "dtype", "index", "node", "shape")

    def __init__(self, node: Node, index: int) -> None:
        self.node, self.index = node, index
        self.shape, self.dtype = node.types[index]
        self._value: np.ndarray | None = None

    __hash__ = object.__hash__

    if TYPE_CHECKING:  # For type checkers only: attached in graphc/ops/operators.py.
        # fmt: off
        def __add__(self, other: object) -> Tensor: ...
        def __radd__(self, other: object) -> Tensor: ...
        def __sub__(self, other: object) -> Tensor: ...
        def __rsub__(self, other: object) -> Tensor: ...
        def __mul__(self, other: object) -> Tensor: ...
        def __rmul__(self, other: object) -> Tensor: ...
        def __truediv__(self, other: object) -> Tensor: ...
        def __rtruediv__(self, other: object) -> Tensor: ...
        def __floordiv__(self, other: object) -> Tensor: ...
        def __mod__(self, other: object) -> Tensor: ...
        def __pow__(self, other: object) -> Tensor: ...
        def __rpow__(self, other: object) -> Tensor: ...
        def __matmul__(self, other: object) -> Tensor: ...
        def __and__(self, other: object) -> Tensor: ...
        def __or__(self, other: object) -> Tensor: ...
        def __xor__(self, other: object) -> Tensor: ...
        def __lt__(self, other: object) -> Tensor: ...
        def __le__(self, other: object) -> Tensor: ...
        def __gt__(self, other: object) -> Tensor: ...
        def __ge__(self, other: object) -> Tensor: ...
        def __neg__(self) -> Tensor: ...
        def __invert__(self) -> Tensor: ...
        def __getitem__(self, key: object) -> Tensor: ...
        def __len__(self) -> int: ...
        def __bool__(self) -> bool: ...
        def __float__(self) -> float: ...
        # fmt: on

    @property
    def name(self) -> str:
        """The name of a placeholder or variable, else op name and serial number."""
        return self.node.label if not self.index else f"{self.node.label}:{self.index}"

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> int | Dim:
        """The number of elements."""
        return product(self.shape)

    @property
    def type(self) -> TensorType:
        """Shape and dtype together."""
        return self.node.types[self.index]

    def numpy(self) -> np.ndarray:
        """The value as a NumPy array; only eager tensors and constants have one."""
        value = self.concrete()
        if value is None:
            raise ModeError(
                f"the symbolic tensor {self.name} has no value",
                received=str(self),
                fix="run it with gx.function(inputs, output), or build it inside gx.eager()",
            )
        return value

    def concrete(self) -> np.ndarray | None:
        """The value if it is known now: computed eagerly, or a constant."""
        if self._value is None:
            literal = self.node.attrs.get("value")
            if isinstance(literal, Literal):
                return literal.array
        return self._value

    def for_eager(self) -> Tensor:
        """The tensor to compute with in eager mode: itself, but for a variable its snapshot."""
        return self

    def __repr__(self) -> str:
        shape = f"({', '.join(map(str, self.shape))}{',' if self.ndim == 1 else ''})"
        what = f'"{self.name}"' if self._value is None else np.array2string(self._value)
        return f"Tensor({what}, shape={shape}, dtype={self.dtype})"


_interned: WeakValueDictionary[tuple[object, ...], Node] = WeakValueDictionary()
_made: Counter[str] = Counter()
_built: ContextVar[set[Node] | None] = ContextVar("nodes that are built", default=None)
_lock = threading.RLock()


@contextmanager
def recording_nodes() -> Iterator[set[Node]]:
    """Every node that is asked for inside, known before or not."""
    around, built = _built.get(), set[Node]()
    token = _built.set(built)
    try:
        yield built
    finally:
        _built.reset(token)
        if around is not None:
            around |= built


def apply(
    op: Op, inputs: tuple[Tensor, ...], attrs: Mapping[str, AttrValue], source: Source | None = None
) -> Node:
    """The node for an op, inputs and attributes; the known one if there is one."""
    # Identities, not tensors: comparing tensors with == would build graph. They stay valid as long
    # as the entry, because the node holds its inputs.
    key = (op, *map(id, inputs), *((n, attr_key(attrs[n])) for n in sorted(attrs)))
    node = _interned.get(key)
    if node is None:
        types = op.infer(*inputs, **attrs)
        with _lock:
            node = _interned.get(key)
            if node is None:
                node = _make(op, inputs, attrs, types, source or user_source())
                _interned[key] = node
    if (built := _built.get()) is not None:
        built.add(node)
    return node


def made_so_far() -> Mapping[str, int]:
    """How many nodes there have been of each op, by its name."""
    return dict(_made)


def attr_key(value: AttrValue) -> object:
    """A hashable form in which 0.0, -0.0, 0 and False differ."""
    if isinstance(value, tuple):
        return tuple(map(attr_key, value))
    return (type(value), repr(value)) if isinstance(value, float) else (type(value), value)


def _make(
    op: Op,
    inputs: tuple[Tensor, ...],
    attrs: Mapping[str, AttrValue],
    types: TensorType | tuple[TensorType, ...],
    source: Source,
) -> Node:
    node = Node()
    node.op, node.inputs, node.source = op, inputs, source
    node.attrs = MappingProxyType(dict(sorted(attrs.items())))
    node.types = (types,) if isinstance(types, TensorType) else types
    node.serial = _made[op.name]
    _made[op.name] += 1
    node._outputs = [None] * len(node.types)
    return node
