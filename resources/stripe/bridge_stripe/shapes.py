"""What the SDK declares: the fields of an object type, and the parameters of a call, read from its own source.

Stripe generates the SDK from its OpenAPI document, so its annotations are the contract of the API. They are read as
text, without importing the classes: that gives the comments as well, and takes a twentieth of the time.
"""

import ast
import importlib.util
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Final, TypeAlias


@dataclass(frozen=True, slots=True)
class Plain:
    """A value of one kind: `str`, `int`, `bool`, `float` or `Decimal`."""

    kind: str


@dataclass(frozen=True, slots=True)
class Words:
    """One of some words. The SDK lets others through as well: Stripe adds words without a new version."""

    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """The id of an object of another type, or that object where it was expanded."""

    target: str


@dataclass(frozen=True, slots=True)
class Several:
    """A list."""

    item: "Shape"


@dataclass(frozen=True, slots=True)
class Nested:
    """An object with fields of its own."""

    fields: Mapping[str, "Declared"]


@dataclass(frozen=True, slots=True)
class Sublist:
    """A list of other objects, of which the first ones come along."""

    target: str


@dataclass(frozen=True, slots=True)
class Table:
    """An object with any keys, the values all of one shape."""

    item: "Shape"


@dataclass(frozen=True, slots=True)
class Either:
    """A value of one shape or another."""

    shapes: tuple["Shape", ...]


@dataclass(frozen=True, slots=True)
class Anything:
    """What the annotation does not tell, such as an object of another type as it is."""

    name: str = ""


Shape: TypeAlias = Plain | Words | Reference | Several | Nested | Sublist | Table | Either | Anything


@dataclass(frozen=True, slots=True)
class Declared:
    """One field or parameter."""

    name: str
    shape: Shape
    optional: bool
    comment: str = ""


NOTHING: Final[Mapping[str, Declared]] = MappingProxyType({})
UNSET: Final = Words(("",))
_PLAIN: Final = frozenset({"str", "int", "bool", "float", "Decimal"})
_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def object_fields(name: str) -> Mapping[str, Declared]:
    """Return the fields of an object type by its name in the SDK: `Customer`, `checkout.Session`."""
    return _fields(_folder("").joinpath(*_module_of(name)), name.rpartition(".")[2])


def parameters(name: str, call: str) -> Mapping[str, Declared]:
    """Return the parameters of a call on an object type, such as `Create` or `List`; none: there is no such call."""
    whole = f"{name}{call}Params"
    path = _folder("params").joinpath(*_module_of(whole))
    return _fields(path, whole.rpartition(".")[2]) if path.exists() else NOTHING


def _folder(below: str) -> Path:
    found = importlib.util.find_spec("stripe")
    assert found is not None  # the distribution depends on it
    assert found.origin is not None
    return Path(found.origin).parent / below


def _module_of(name: str) -> tuple[str, ...]:
    *folders, last = name.split(".")
    return (*folders, f"_{_CAPITAL.sub('_', last).lower()}.py")


@cache
def _fields(path: Path, name: str) -> Mapping[str, Declared]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    classes = {node.name: node for node in tree.body if isinstance(node, ast.ClassDef)}
    return _Reader(classes).fields(classes[name])


class _Reader:
    """Turns annotations of one module into shapes; `classes` are those that they can name."""

    def __init__(self, classes: Mapping[str, ast.ClassDef], inside: frozenset[str] = frozenset()) -> None:
        self._classes = classes
        self._inside = inside  # the classes that are being read: some nest themselves

    def fields(self, node: ast.ClassDef) -> Mapping[str, Declared]:
        inner = {each.name: each for each in node.body if isinstance(each, ast.ClassDef)}
        reader = _Reader({**self._classes, **inner}, self._inside | {node.name})
        return MappingProxyType({each.name: each for each in reader.declared(node)})

    def declared(self, node: ast.ClassDef) -> Iterator[Declared]:
        for at, each in enumerate(node.body):
            if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
                name = each.target.id
                following = node.body[at + 1] if at + 1 < len(node.body) else None
                kind, inner = _unwrapped(each.annotation)
                if kind != "ClassVar" and not name.startswith("_"):
                    optional = kind in {"Optional", "NotRequired"}
                    yield Declared(name, self.shape(inner), optional, _text(following))

    def shape(self, node: ast.expr) -> Shape:
        match node:
            case ast.Constant(value=str(text)):
                return self.shape(ast.parse(" ".join(text.split()), mode="eval").body)
            case ast.Name(id=name) if name in _PLAIN:
                return Plain(name)
            case ast.Name(id=name) if name in self._classes and name not in self._inside:
                return Nested(self.fields(self._classes[name]))
            case ast.Name(id=name) | ast.Attribute(attr=name):
                return Anything(name)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return _either([self.shape(left), self.shape(right)])
            case ast.Subscript(value=ast.Name(id=name), slice=inner):
                return self._generic(name, inner)
            case _:
                return Anything()

    def _generic(self, name: str, inner: ast.expr) -> Shape:
        members = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        match name:
            case "Literal":
                return Words(tuple(each.value for each in members if isinstance(each, ast.Constant)))  # type: ignore[misc]  # words alone
            case "List":
                return Several(self.shape(inner))
            case "Dict" | "UntypedStripeObject":
                return Table(self.shape(members[-1]))
            case "ListObject":
                return Sublist(_name(inner))
            case "ExpandableField":
                return Reference(_name(inner))
            case _:
                return _either([self.shape(each) for each in members])


def _unwrapped(node: ast.expr) -> tuple[str, ast.expr]:
    """Return the outermost generic of an annotation, and what stands in it."""
    match node:
        case ast.Constant(value=str(text)):
            return _unwrapped(ast.parse(" ".join(text.split()), mode="eval").body)
        case ast.Subscript(value=ast.Name(id="Optional" | "NotRequired" | "ClassVar" as kind), slice=inner):
            return kind, inner
        case _:
            return "", node


def _either(shapes: list[Shape]) -> Shape:
    """Put alternatives together: a word or any other text is still one of some words."""
    flat = [one for each in shapes for one in (each.shapes if isinstance(each, Either) else (each,))]
    words = tuple(word for each in flat if isinstance(each, Words) for word in each.words if word)
    rest: list[Shape] = [each for each in flat if not isinstance(each, Words)]
    if words:
        rest = [Words(words), *(each for each in rest if each != Plain("str"))]
    if UNSET in flat:
        rest.append(UNSET)
    return rest[0] if len(rest) == 1 else Either(tuple(rest))


def _name(node: ast.expr) -> str:
    match node:
        case ast.Constant(value=str(text)):
            return text
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case _:
            return ast.unparse(node).strip("'\"")


def _text(node: ast.stmt | None) -> str:
    match node:
        case ast.Expr(value=ast.Constant(value=str(text))):
            return " ".join(text.split())
        case _:
            return ""
