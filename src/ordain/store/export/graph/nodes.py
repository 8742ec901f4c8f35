"""What `Algebra` asks for, as ONNX nodes: doubles [N, W], ids int64 [N, 1], labels text [N, 1]."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from ordain.features.encoded import Kind, Shape
from ordain.features.numerals import LARGEST
from ordain.store.export.algebra import Algebra, Constant, Floats, UnfitError
from ordain.store.export.interface import Given
from ordain.store.export.trees import Ensemble, Tree

OPSET, ML_OPSET, IR_VERSION = 20, 5, 10
_SIGNS = {"+": "Add", "-": "Sub", "*": "Mul", "/": "Div"}
_FUNCTIONS = {"abs": "Abs", "sqrt": "Sqrt", "exp": "Exp", "log": "Log", "tanh": "Tanh"}
_LEQ, _MEMBER = 0, 6
_ONE_MEMBER = 4


@dataclass(frozen=True)
class Node:
    """A tensor of the graph, and how many numbers a row it holds."""

    name: str
    width: int = 1


class Graph(Algebra[Node]):
    """Nodes of a graph that is being made.

    Attributes:
        given: what the caller feeds, in order.
    """

    def __init__(self) -> None:
        self.given: dict[str, Given] = {}
        self._nodes: list[Any] = []
        self._constants: dict[tuple[str, bytes, tuple[int, ...]], str] = {}
        self._tensors: list[Any] = []
        self._inputs: list[Any] = []
        self._outputs: list[Any] = []
        self._read: dict[tuple[str, str], Node] = {}
        self._n_names = 0
        self._domains = {"": OPSET, "ai.onnx.ml": ML_OPSET}

    def feed(self, given: Given) -> str:
        """Add an input of the graph; return the name of its tensor."""
        if given.name not in self.given:
            from onnx import helper

            self.given[given.name] = given
            dims = ["rows" if d == "N" else d for d in given.dims]
            kind = helper.np_dtype_to_tensor_dtype(np.dtype(given.dtype))
            self._inputs.append(helper.make_tensor_value_info(given.name, kind, dims))
        return given.name

    def node(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add a node of one output; return the output's name."""
        from onnx import helper

        name = self._new(operator)
        self._nodes.append(
            helper.make_node(operator, list(inputs), [name], name=name, domain=domain, **attributes)
        )
        return name

    def pair(self, operator: str, *inputs: str, **attributes: Any) -> tuple[str, str]:
        """Add a node of two outputs; return their names."""
        from onnx import helper

        names = (self._new(operator), self._new(operator))
        self._nodes.append(
            helper.make_node(operator, list(inputs), list(names), name=names[0], **attributes)
        )
        return names

    def tensor(self, values: Any) -> str:
        """Add a constant; return its name."""
        from onnx import numpy_helper

        array = np.asarray(values)
        key = (array.dtype.str, array.tobytes(), array.shape)
        if array.dtype.kind in "OU":
            key = ("text", "\0".join(array.ravel().tolist()).encode(), array.shape)
            array = array.astype(object)
        if key not in self._constants:
            name = self._new("constant")
            self._constants[key] = name
            self._tensors.append(numpy_helper.from_array(array, name))
        return self._constants[key]

    def graft(self, model: Any, inputs: Mapping[str, str]) -> list[str]:
        """Add the nodes of another graph, whose inputs are tensors of this one; return outputs."""
        from onnx import inliner

        prefix = f"{self._new('network')}/"
        graph = inliner.inline_local_functions(model).graph
        _rename(graph, prefix)
        for theirs, ours in inputs.items():
            self._nodes.append(_identity(ours, prefix + theirs))
        self._nodes.extend(graph.node)
        self._tensors.extend(graph.initializer)
        for used in model.opset_import:
            self._domains[used.domain] = max(self._domains.get(used.domain, 0), used.version)
        return [output.name for output in graph.output]

    def answer(self, name: str, value: Node) -> None:
        """Make a tensor [N, 1] an output [N]."""
        from onnx import helper

        squeezed = self.node("Squeeze", value.name, self.tensor(np.array([1])))
        self._nodes.append(_identity(squeezed, name))
        self._outputs.append(helper.make_empty_tensor_value_info(name))

    def raw_answer(self, name: str, tensor: str) -> None:
        """Make a tensor an output as it is."""
        from onnx import helper

        self._nodes.append(_identity(tensor, name))
        self._outputs.append(helper.make_empty_tensor_value_info(name))

    def model(self, *, doc: str, facts: Mapping[str, str]) -> Any:
        """Return the graph as a model that has been checked."""
        import onnx
        from onnx import helper, shape_inference

        graph = helper.make_graph(
            self._nodes, "ordain", self._inputs, self._outputs, self._tensors, doc_string=doc
        )
        opsets = [helper.make_opsetid(domain, version) for domain, version in self._domains.items()]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="ordain"
        )
        helper.set_model_props(model, dict(facts))
        inferred = shape_inference.infer_shapes(model, data_prop=True)
        _settle_outputs(inferred)
        onnx.checker.check_model(inferred)
        return inferred

    def number(self, column: str) -> Node:
        """Return a column of numbers; see the contract."""
        if ("number", column) not in self._read:
            fed = self.feed(Given(column, column, "number", "float64", ("N",)))
            wide = self.node("Unsqueeze", fed, self.tensor(np.array([1])))
            size = self.node("Abs", wide)
            is_fine = self.node("LessOrEqual", size, self.tensor(np.array([[LARGEST]])))
            kept = self.node("Where", is_fine, wide, self.tensor(np.array([[math.nan]])))
            self._read["number", column] = Node(kept)
        return self._read["number", column]

    def label(self, column: str) -> Node:
        """Return a column of labels; see the contract."""
        if ("label", column) not in self._read:
            fed = self.feed(Given(column, column, "label", "object", ("N",)))
            wide = self.node("Unsqueeze", fed, self.tensor(np.array([1])))
            self._read["label", column] = Node(wide)
        return self._read["label", column]

    def index(
        self, label: Node, ids: Mapping[str, int], *, missing: int, unseen: int, is_lowered: bool
    ) -> Node:
        """Return the id of a label; the empty text is missing."""
        if is_lowered:
            raise UnfitError("a graph cannot compare labels in lower case")
        known = {"": missing, **ids}
        found = self.node(
            "LabelEncoder",
            label.name,
            domain="ai.onnx.ml",
            keys_strings=list(known),
            values_int64s=list(known.values()),
            default_int64=unseen,
        )
        return Node(found)

    def bins(self, x: Node, edges: Sequence[float]) -> Node:
        """Return how many edges are at most x; see the contract."""
        reached = self.node("GreaterOrEqual", x.name, self.tensor(np.array([edges]).reshape(1, -1)))
        ones = self.node("Cast", reached, to=_dtype(np.int64))
        return Node(self.node("ReduceSum", ones, self.tensor(np.array([1])), keepdims=1))

    def gather(self, index: Node, table: Floats) -> Node:
        """Return the rows of a table that ids name."""
        flat = self.node("Squeeze", index.name, self.tensor(np.array([1])))
        wide = np.asarray(table, dtype=np.float64)
        return Node(self.node("Gather", self.tensor(wide), flat, axis=0), wide.shape[1])

    def encoded(self, column: str, shape: Shape) -> Node:
        """Return a column that is fed encoded; see the contract."""
        if shape.kind is Kind.INDEX:
            fed = self.feed(Given(f"{column}.ids", column, "ids", "int64", ("N",)))
            return Node(self.node("Unsqueeze", fed, self.tensor(np.array([1]))))
        dims: tuple[str | int, ...] = ("N", shape.width)
        fed = self.feed(Given(f"{column}.values", column, "values", "float32", dims))
        return Node(self.node("Cast", fed, to=_dtype(np.float64)), shape.width)

    def ragged(self, column: str, shape: Shape) -> tuple[str, str, str]:
        """Return ids, starts and weights of a text that is fed encoded."""
        items = f"{column}.items"
        ids = self.feed(Given(f"{column}.ids", column, "ids", "int64", (items,)))
        starts = self.feed(Given(f"{column}.starts", column, "starts", "int64", ("N",)))
        if shape.kind is Kind.TOKENS:
            return ids, starts, ""
        given = Given(f"{column}.weights", column, "weights", "float32", (items,))
        return ids, starts, self.feed(given)

    def terms(
        self,
        column: str,
        places: npt.NDArray[np.int32],
        table: Floats,
        *,
        shape: Shape,
        is_presence: bool = False,
        absent: Floats | None = None,
    ) -> Node:
        """Return the sum of a table's rows by the terms of each text; see the contract."""
        ids, starts, weights = self.ragged(column, shape)
        table = np.asarray(table, dtype=np.float64)
        n_known, width = table.shape
        # The last row stands for terms that training did not see.
        wide = np.vstack([np.hstack([table, np.ones((n_known, 1))]), np.zeros((1, width + 1))])
        rows = self._rows_of(ids, starts)
        place = self.node("Gather", self.tensor(places.astype(np.int64)), ids)
        told = self.node("Gather", self.tensor(wide), place)
        if weights and not is_presence:
            by = self.node("Cast", weights, to=_dtype(np.float64))
            by = self.node("Unsqueeze", by, self.tensor(np.array([1])))
            told = self.node("Mul", told, by)
        n_rows = self.node("Shape", starts)
        size = self.node("Concat", n_rows, self.tensor(np.array([width + 1])), axis=0)
        empty = self.node("Expand", self.tensor(np.array(0.0)), size)
        rows = self.node("Unsqueeze", rows, self.tensor(np.array([1])))
        summed = Node(self.node("ScatterND", empty, rows, told, reduction="add"), width + 1)
        text = Node(self._slice(summed.name, 0, width), width)
        if absent is None:
            return text
        count = Node(self._slice(summed.name, width, width + 1))
        has = self.node("Greater", self.node("Abs", count.name), self.tensor(np.array([[0.0]])))
        return self.binary("+", text, self.where(Node(has), absent, 0.0))

    def constant(self, values: Sequence[float]) -> Node:
        """Return the same numbers for every row; see the contract."""
        if not self._inputs:
            raise UnfitError("a graph needs an input")
        first = self._inputs[0].name
        n_rows = self.node("Shape", first, start=0, end=1)
        size = self.node("Concat", n_rows, self.tensor(np.array([len(values)])), axis=0)
        return Node(self.node("Expand", self.tensor(np.array([values])), size), len(values))

    def join(self, values: Sequence[Node]) -> Node:
        """Return values side by side."""
        if len(values) == 1:
            return values[0]
        width = sum(value.width for value in values)
        return Node(self.node("Concat", *(value.name for value in values), axis=1), width)

    def part(self, x: Node, place: int) -> Node:
        """Return one of the numbers of a value."""
        return x if x.width == 1 else Node(self._slice(x.name, place, place + 1))

    def binary(self, sign: str, a: Node, b: Node | Constant) -> Node:
        """Return a sum, difference, product or quotient; see the contract."""
        other = self._value(b)
        found = self.node(_SIGNS[sign], a.name, other.name)
        return Node(found, max(a.width, other.width))

    def call(self, function: str, x: Node) -> Node:
        """Return a function of x; see the contract."""
        return Node(self.node(_FUNCTIONS[function], x.name), x.width)

    def clip(self, x: Node, low: float, high: float) -> Node:
        """Return x within bounds; NaN stays NaN."""
        bounds = [self.tensor(np.array(bound, dtype=np.float64)) for bound in (low, high)]
        clipped = self.node("Clip", x.name, *bounds)
        # What `Clip` makes of NaN is not settled.
        return Node(self.node("Where", self.node("IsNaN", x.name), x.name, clipped), x.width)

    def is_missing(self, x: Node) -> Node:
        """Return whether numbers are NaN."""
        return Node(self.node("IsNaN", x.name), x.width)

    def at_least(self, x: Node, least: float) -> Node:
        """Return whether x is `least` or more."""
        return Node(self.node("GreaterOrEqual", x.name, self._value(least).name), x.width)

    def where(self, condition: Node, a: Node | Constant | None, b: Node | Constant | None) -> Node:
        """Return a or b; see the contract."""
        first, second = (self._value(math.nan if one is None else one) for one in (a, b))
        found = self.node("Where", condition.name, first.name, second.name)
        return Node(found, max(condition.width, first.width, second.width))

    def round32(self, x: Node) -> Node:
        """Return x as float32 holds it, as double."""
        rounded = self.node("Cast", x.name, to=_dtype(np.float32))
        return Node(self.node("Cast", rounded, to=_dtype(np.float64)), x.width)

    def affine(self, x: Node, weights: Floats, bias: Floats) -> Node:
        """Return x times weights plus bias."""
        product = self.node("MatMul", x.name, self.tensor(np.asarray(weights, dtype=np.float64)))
        wide = self.tensor(np.asarray(bias, dtype=np.float64).reshape(1, -1))
        return Node(self.node("Add", product, wide), weights.shape[1])

    def softmax(self, x: Node) -> Node:
        """Return shares that add up to 1."""
        return Node(self.node("Softmax", x.name, axis=1), x.width)

    def best(self, x: Node) -> Node:
        """Return the place of the largest number."""
        return Node(self.node("ArgMax", x.name, axis=1, keepdims=1))

    def highest(self, x: Node) -> Node:
        """Return the largest number."""
        return Node(self.node("ReduceMax", x.name, self.tensor(np.array([1])), keepdims=1))

    def trees(self, cells: Node, ensemble: Ensemble) -> Node:
        """Return the sums of leaves, by one `TreeEnsemble` node of doubles."""
        attributes = _tree_attributes(ensemble)
        found = self.node("TreeEnsemble", cells.name, domain="ai.onnx.ml", **attributes)
        return Node(found, ensemble.n_scores)

    def words(self, index: Node, labels: Sequence[str | int | bool]) -> Node:
        """Return the label of an id, of the type that labels have."""
        kind: Any = object if isinstance(labels[0], str) else None
        return Node(self.node("Gather", self.tensor(np.array(labels, dtype=kind)), index.name))

    def condition_words(self, condition: Node) -> Node:
        """Return a condition as an id: 1 where it holds."""
        return Node(self.node("Cast", condition.name, to=_dtype(np.int64)))

    def _value(self, given: Node | Constant) -> Node:
        if isinstance(given, Node):
            return given
        array = np.atleast_1d(np.asarray(given, dtype=np.float64)).reshape(1, -1)
        return Node(self.tensor(array), array.shape[1])

    def _slice(self, name: str, start: int, stop: int) -> str:
        places = (np.array([one]) for one in (start, stop, 1))
        return self.node("Slice", name, *(self.tensor(place) for place in places))

    def _rows_of(self, ids: str, starts: str) -> str:
        """Return the row of each item [total] of texts whose starts are given [N]."""
        one = self.tensor(np.array([1]))
        room = self.node("Add", self.node("Shape", ids), one)
        counts = self.node("Expand", self.tensor(np.array(0)), room)
        marks = self.node("Expand", self.tensor(np.array(1)), self.node("Shape", starts))
        marked = self.node("ScatterElements", counts, starts, marks, axis=0, reduction="add")
        passed = self.node("CumSum", marked, self.tensor(np.array(0)))
        cut = self.node(
            "Slice", passed, self.tensor(np.array([0])), self.node("Shape", ids),
            self.tensor(np.array([0])),
        )  # fmt: skip
        return self.node("Sub", cut, one)

    def _new(self, stem: str) -> str:
        self._n_names += 1
        return f"{stem}_{self._n_names}"


def _rename(graph: Any, prefix: str) -> None:
    """Put a prefix before every name, those that loops read from outside too."""
    for value in (*graph.input, *graph.output, *graph.initializer, *graph.value_info):
        value.name = prefix + value.name
    for node in graph.node:
        node.name = prefix + node.name
        for names in (node.input, node.output):
            for place, name in enumerate(names):
                names[place] = prefix + name if name else name
        for attribute in node.attribute:
            if attribute.HasField("g"):
                _rename(attribute.g, prefix)


def _identity(source: str, target: str) -> Any:
    from onnx import helper

    return helper.make_node("Identity", [source], [target], name=f"{target}.is")


def _dtype(kind: Any) -> int:
    from onnx import helper

    return int(helper.np_dtype_to_tensor_dtype(np.dtype(kind)))


def _settle_outputs(model: Any) -> None:
    """Give outputs whose types were inferred the number of rows as a name."""
    for output in model.graph.output:
        shape = output.type.tensor_type.shape
        if len(shape.dim):
            shape.dim[0].dim_param = "rows"


def _tree_attributes(ensemble: Ensemble) -> dict[str, Any]:
    from onnx import numpy_helper

    flat = _Flat(ensemble.n_scores)
    for place, tree in enumerate(ensemble.trees):
        flat.add(tree, place % ensemble.n_scores)
    found: dict[str, Any] = {
        "n_targets": ensemble.n_scores,
        "aggregate_function": 1,
        "post_transform": 0,
        "tree_roots": flat.roots,
        "nodes_featureids": flat.columns,
        "nodes_modes": numpy_helper.from_array(np.array(flat.modes, dtype=np.uint8), "modes"),
        "nodes_splits": numpy_helper.from_array(np.array(flat.splits, dtype=np.float64), "splits"),
        "nodes_missing_value_tracks_true": flat.takes_missing,
        "nodes_truenodeids": flat.left,
        "nodes_trueleafs": flat.left_is_leaf,
        "nodes_falsenodeids": flat.right,
        "nodes_falseleafs": flat.right_is_leaf,
        "leaf_targetids": flat.targets,
        "leaf_weights": numpy_helper.from_array(np.array(flat.leaves, dtype=np.float64), "leaves"),
    }
    if flat.members:
        members = np.array(flat.members, dtype=np.float64)
        found["membership_values"] = numpy_helper.from_array(members, "members")
    return found


class _Flat:
    """Trees laid end to end, as the operator reads them."""

    def __init__(self, n_scores: int) -> None:
        self.n_scores = n_scores
        self.roots: list[int] = []
        self.columns: list[int] = []
        self.modes: list[int] = []
        self.splits: list[float] = []
        self.takes_missing: list[int] = []
        self.left: list[int] = []
        self.right: list[int] = []
        self.left_is_leaf: list[int] = []
        self.right_is_leaf: list[int] = []
        self.leaves: list[float] = []
        self.targets: list[int] = []
        self.members: list[float] = []

    def add(self, tree: Tree, target: int) -> None:
        """Add a tree whose leaves count for a score."""
        first_node, first_leaf = len(self.columns), len(self.leaves)
        self.roots.append(first_node)
        self.leaves.extend(tree.leaves)
        self.targets.extend([target] * len(tree.leaves))
        if not tree.columns:
            # A tree that is one leaf is a node with that leaf on both sides.
            self._node(0, _LEQ, 0.0, takes_missing=False)
            self._children((first_leaf, 1), (first_leaf, 1))
        for node, column in enumerate(tree.columns):
            members = tree.sets[node]
            mode, split = (_LEQ, tree.thresholds[node]) if members is None else (_MEMBER, 0.0)
            if members is not None and len(members) == 1:
                mode, split = _ONE_MEMBER, float(members[0])
            elif members is not None:
                self.members += [*map(float, members), math.nan]
            self._node(column, mode, split, takes_missing=tree.takes_missing[node])
            self._children(
                *(
                    (first_node + child, 0) if child >= 0 else (first_leaf - 1 - child, 1)
                    for child in (tree.left[node], tree.right[node])
                )
            )

    def _node(self, column: int, mode: int, split: float, *, takes_missing: bool) -> None:
        self.columns.append(column)
        self.modes.append(mode)
        self.splits.append(split)
        self.takes_missing.append(int(takes_missing))

    def _children(self, left: tuple[int, int], right: tuple[int, int]) -> None:
        self.left.append(left[0])
        self.left_is_leaf.append(left[1])
        self.right.append(right[0])
        self.right_is_leaf.append(right[1])
