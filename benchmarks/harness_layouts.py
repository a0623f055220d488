"""The layouts of lm-evaluation-harness's tasks: which fields their rows have, worked out from how templates use them.

Nothing is downloaded and no function of a task runs. A template names its fields and shows what is in them: a
text, a list, a mapping, the number or the letter of a choice. Where a task has a Python function instead, the
fields that the function reads are taken from its source.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
import yaml
from jinja2 import nodes

ENVIRONMENT = jinja2.Environment(undefined=jinja2.StrictUndefined)
FIELD_NAME = re.compile(r"[A-Za-z_]\w*")
CONSTANTS = {"yes", "no", "all", "true", "false"}
"""Targets that are a text of their own and no field."""
NAMES_ONLY = re.compile(
    r"^(task|dataset_name|description|group|tag|task_alias|.?dataset_path.?)\s*:.*$", re.MULTILINE
)
EXPRESSION = re.compile(r"{[{%].*?[%}]}", re.DOTALL)
WHOLE_FIELD = re.compile(r"{{\s*(\w+)\s*}}")
NUMBERS = {"int", "float", "round", "abs"}
LISTS = {"join", "first", "last", "length", "list", "map", "select", "reject", "sort", "random", "shuffle"}
ROWS = {"doc", "row", "example", "x", "ex", "d", "item", "sample", "problem", "line", "instance"}
"""What the functions of tasks call a row."""


@dataclass
class Shape:
    """What a field holds: `fields` of a mapping, `items` of a list, else one value.

    Attributes
    ----------
    use
        `text`, `number`, `index` (the place of a choice), `letter`, or empty where nothing tells.
    values
        Constants that the value is compared with or looked up in.
    labels
        The list that the value is looked up in, where that is a field itself.
    """

    fields: dict[str, Shape] = field(default_factory=dict)
    items: Shape | None = None
    use: str = ""
    values: list[str] = field(default_factory=list)
    labels: Shape | None = None
    size: int = 0

    def named(self, name: str) -> Shape:
        return self.fields.setdefault(name, Shape())

    def item(self, place: int | None = None) -> Shape:
        self.items = self.items or Shape()
        self.size = max(self.size, 0 if place is None else place + 1)
        return self.items


@dataclass(frozen=True)
class Layout:
    """What a task shows of a row, and the fields that it reads.

    Attributes
    ----------
    text, choice, target
        As the task's YAML file has them.
    functions
        The Python functions among them, `path.name`.
    fields
        Of the rows that the templates see.
    raw
        Of the rows as they are published, where a function prepares them.
    """

    task: str
    text: Any
    choice: Any
    target: Any
    functions: tuple[str, ...]
    fields: Shape
    raw: Shape | None = None


class _Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """YAML whose `!function` is a `Function`."""


@dataclass(frozen=True)
class Function:
    name: str


_Loader.add_constructor("!function", lambda loader, node: Function(loader.construct_scalar(node)))


def layouts(folder: Path) -> list[Layout]:
    """The distinct layouts of all tasks below `folder`, each with the first task that has it.

    Templates that differ only in the words around the fields are one layout.
    """
    read: set[object] = set()
    layouts: dict[str, Layout] = {}
    for path in sorted(folder.rglob("*.yaml")):
        # Thousands of files differ in the name of a language or subject only.
        content = NAMES_ONLY.sub("", path.read_text())
        if (path.parent, content) in read:
            continue
        read.add((path.parent, content))
        config = _config(path)
        if not isinstance(config.get("task"), str) or config.get("doc_to_text") is None:
            continue
        parts = (config.get("doc_to_text"), config.get("doc_to_choice"), config.get("doc_to_target"))
        functions = tuple(
            f"{path.parent}/{part.name}"
            for part in (*parts, config.get("process_docs"))
            if isinstance(part, Function)
        )
        if repr((parts, functions)) in read:
            continue
        read.add(repr((parts, functions)))
        layout = _with_fields(Layout(config["task"], *parts, functions, Shape()))
        skeleton = [
            "".join(EXPRESSION.findall(part)) if isinstance(part, str) else repr(part) for part in parts
        ]
        layouts.setdefault(repr((skeleton, layout.fields, layout.raw)), layout)
    return list(layouts.values())


def _with_fields(layout: Layout) -> Layout:
    fields, raw = Shape(), None
    for part, template in (("text", layout.text), ("choice", layout.choice), ("target", layout.target)):
        _read_template(part, template, fields, layout)
    for function in layout.functions:
        path, _, name = function.rpartition(".")
        parts = [
            part.name for part in (layout.text, layout.choice, layout.target) if isinstance(part, Function)
        ]
        prepares = not any(function.endswith(part) for part in parts)
        if prepares:
            raw = raw or Shape()
        _read_function(Path(f"{path}.py"), name, raw if prepares and raw is not None else fields)
    return Layout(layout.task, layout.text, layout.choice, layout.target, layout.functions, fields, raw)


@cache
def _config(path: Path) -> Mapping[str, Any]:
    """A YAML file with what it includes; empty where it cannot be read."""
    try:
        own = yaml.load(path.read_bytes(), _Loader)
    except (OSError, yaml.YAMLError):
        return {}
    if not isinstance(own, dict):
        return {}
    included = own.pop("include", None) or []
    merged: dict[str, Any] = {}
    for name in included if isinstance(included, list) else [included]:
        merged |= _config((path.parent / name).resolve())
    return merged | own


# -- templates ---------------------------------------------------------------------------------


def is_field(template: Any) -> bool:
    """Whether a template is the bare name of a field."""
    return (
        isinstance(template, str)
        and bool(FIELD_NAME.fullmatch(template))
        and template.lower() not in CONSTANTS
    )


def _read_template(part: str, template: Any, fields: Shape, layout: Layout) -> None:
    if is_field(template):
        shape = fields.named(template)
        if part == "choice":
            shape.item().use = "text"
        elif part == "target" and layout.choice is not None:
            shape.use = shape.use or "index"
            if isinstance(layout.choice, list):
                shape.values = [str(choice) for choice in layout.choice]
        else:
            shape.use = shape.use or "text"
    elif isinstance(template, str) and "{" in template:
        try:
            tree = ENVIRONMENT.parse(template)
        except jinja2.TemplateSyntaxError:
            return
        Reader(fields).read(tree)
        only = WHOLE_FIELD.fullmatch(template.strip())
        if only and part == "target" and layout.choice is not None:
            fields.named(only[1]).use = "index"
    elif isinstance(template, list):
        for choice in template:
            if isinstance(choice, str) and "{" in choice:
                _read_template("text", choice, fields, layout)


class Reader:
    """Walks a template and notes what it does with each field."""

    def __init__(self, root: Shape) -> None:
        self.root = root
        self.names: dict[str, Shape | None] = dict.fromkeys(("loop", "range", "namespace", "dict", "none"))

    def read(self, node: nodes.Node) -> Shape | None:
        """The shape that an expression stands for, where it is a field or part of one."""
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is not None:
            return method(node)
        for child in node.iter_child_nodes():
            self.read(child)
        return None

    def _name(self, node: nodes.Name) -> Shape | None:
        return self.names[node.name] if node.name in self.names else self.root.named(node.name)

    def _getattr(self, node: nodes.Getattr) -> Shape | None:
        shape = self.read(node.node)
        return shape.named(node.attr) if shape is not None else None

    def _getitem(self, node: nodes.Getitem) -> Shape | None:
        if isinstance(node.node, nodes.List):  # ['A', 'B'][answer]
            place = self.read(node.arg)
            if place is not None:
                place.use, place.size = "index", len(node.node.items)
            return None
        shape = self.read(node.node)
        if shape is None:
            return None
        if isinstance(node.arg, nodes.Slice):
            shape.use = "long text"
            return shape
        if isinstance(node.arg, nodes.Const) and isinstance(node.arg.value, str):
            return shape.named(node.arg.value)
        place = self.read(node.arg)
        if place is not None and place is not shape:
            place.use = place.use or "index"
        value = node.arg.value if isinstance(node.arg, nodes.Const) else None
        return shape.item(value if isinstance(value, int) and value >= 0 else None)

    def _call(self, node: nodes.Call) -> Shape | None:
        arguments = [self.read(argument) for argument in node.args]
        if not isinstance(node.node, nodes.Getattr):
            return self.read(node.node) and None
        method, of = node.node.attr, node.node.node
        if method == "index" and arguments and arguments[0] is not None:
            if isinstance(of, nodes.List):
                arguments[0].values = [str(item.value) for item in of.items if isinstance(item, nodes.Const)]
            else:
                labels = self.read(of)
                if labels is not None:
                    labels.item()
                    arguments[0].labels = labels
            return None
        shape = self.read(of)
        if shape is None:
            return None
        if method == "split":  # pieces of a text are no list of the row
            shape.use = "text"
            return None
        if method in ("items", "keys", "values"):
            return None
        shape.use = "text"
        return shape

    def _filter(self, node: nodes.Filter) -> Shape | None:
        shape = self.read(node.node) if node.node is not None else None
        for argument in node.args:
            self.read(argument)
        if shape is None:
            return None
        if node.name in NUMBERS:
            shape.use = "number"
        elif node.name in LISTS:
            return shape.item() if node.name != "length" else None
        return shape

    def _for(self, node: nodes.For) -> None:
        shape = self.read(node.iter)
        item = shape.item() if shape is not None else None
        targets = node.target.items if isinstance(node.target, nodes.Tuple) else [node.target]
        for target in targets:
            if isinstance(target, nodes.Name):
                self.names[target.name] = item
        for child in node.body:
            self.read(child)

    def _assign(self, node: nodes.Assign) -> None:
        shape = self.read(node.node)
        if isinstance(node.target, nodes.Name):
            self.names[node.target.name] = shape

    def _compare(self, node: nodes.Compare) -> None:
        shape = self.read(node.expr)
        for operand in node.ops:
            if isinstance(operand.expr, nodes.Const) and shape is not None:
                value = operand.expr.value
                if isinstance(value, str) and value:
                    shape.values.append(value)
                elif isinstance(value, int):
                    shape.use = "index"
            elif isinstance(operand.expr, nodes.List | nodes.Tuple) and shape is not None:
                shape.values += [
                    str(item.value) for item in operand.expr.items if isinstance(item, nodes.Const)
                ]
            else:
                self.read(operand.expr)

    def _sub(self, node: nodes.Sub) -> None:
        shape = self.read(node.left)
        if shape is not None:
            shape.use = "one-based"
        self.read(node.right)


# -- functions ---------------------------------------------------------------------------------


def _read_function(path: Path, name: str, fields: Shape) -> None:
    """The fields that a function of a task reads, and the functions of the same file that it calls."""
    functions = _functions(path)
    todo, seen = [name], set()
    while todo:
        name = todo.pop()
        if name in seen or name not in functions:
            continue
        seen.add(name)
        names: dict[str, Shape] = {}
        for node in ast.walk(functions[name]):
            if isinstance(node, ast.Name):
                todo.append(node.id)
            elif (isinstance(node, ast.For) and isinstance(node.target, ast.Name)) or (
                isinstance(node, ast.comprehension) and isinstance(node.target, ast.Name)
            ):
                listed = _shape_of(node.iter, fields, names)
                if listed is not None:
                    names[node.target.id] = listed.item()
        for node in ast.walk(functions[name]):
            shape = _shape_of(node, fields, names)
            if shape is not None and isinstance(node, ast.Subscript):
                shape.use = shape.use or ""
            if isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Constant):
                place = _shape_of(node.slice, fields, names)
                if place is not None:
                    place.use = "index"
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("int", "float"):
                for argument in node.args:
                    number = _shape_of(argument, fields, names)
                    if number is not None:
                        number.use = "index"


@cache
def _functions(path: Path) -> Mapping[str, ast.AST]:
    """The functions of a file, and what is made of them: `doc_to_text = partial(format_doc, ...)`."""
    try:
        tree = ast.parse(path.read_text())
    except (OSError, SyntaxError):
        return {}
    made = {
        target.id: node.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name)
    }
    return made | {node.name: node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


def _shape_of(node: ast.AST, fields: Shape, names: Mapping[str, Shape]) -> Shape | None:
    """The field that an expression reads: `doc["a"]`, `doc["a"]["b"]`, `doc.get("a")`, or an item of one."""
    if isinstance(node, ast.Name):
        if node.id in names:
            return names[node.id]
        return fields if node.id in ROWS else None
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr == "get" and node.args:
            of, key = _shape_of(node.func.value, fields, names), node.args[0]
            if of is not None and isinstance(key, ast.Constant) and isinstance(key.value, str):
                return of.named(key.value)
        if (
            isinstance(node.func, ast.Name)
            and node.func.id in ("enumerate", "zip", "list", "sorted")
            and node.args
        ):
            return _shape_of(node.args[0], fields, names)
        return None
    if not isinstance(node, ast.Subscript):
        return None
    of = _shape_of(node.value, fields, names)
    if of is None:
        return None
    if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, str):
        return of.named(node.slice.value)
    if of is fields:
        return None
    if isinstance(node.slice, ast.Slice):
        return of
    return of.item(
        node.slice.value
        if isinstance(node.slice, ast.Constant) and isinstance(node.slice.value, int)
        else None
    )


def leaves(shape: Shape, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Shape]]:
    """Each value within a shape, with the names that lead to it; `[]` stands for the items of a list."""
    if shape.fields:
        for name, inner in shape.fields.items():
            yield from leaves(inner, (*path, name))
    elif shape.items is not None:
        yield from leaves(shape.items, (*path, "[]"))
    else:
        yield path, shape
