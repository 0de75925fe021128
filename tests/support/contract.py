"""Write the reference of the adapter contract from the code: `python -m tests.support.contract`."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import bridge_core
from bridge_core.testing.check import LEVELS
from bridge_core.testing.examine import CHECKS

ROOT: Final = Path(__file__).parents[2]
PAGE: Final = ROOT / "docs" / "contract.md"
ROOMS: Final[Mapping[str, str]] = {
    "adapter": "The adapter and its plugin",
    "operations": "What is asked, and what comes back",
    "schema": "What a backend offers",
    "query": "The words of a question",
    "errors": "What can go wrong",
    "evaluate": "What filters mean, for adapters that hold records in memory",
    "arrange": "What orders mean, for the same",
}
HEAD: Final = """\
# The contract of an adapter

Written from the code by `python -m tests.support.contract`; a test holds it against the code. Everything here is
imported from `bridge_core`. How to begin: [writing-an-adapter.md](writing-an-adapter.md).
"""


def reference() -> str:
    """Return the page."""
    parts = [HEAD]
    for room, title in ROOMS.items():
        source = (ROOT / "bridge_core" / f"{room}.py").read_text(encoding="utf-8")
        parts.append(f"## {title}\n")
        parts.extend(_definitions(ast.parse(source), _comments(source)))
    parts.append("## What the conformance kit holds an adapter to\n")
    parts.extend(_checks())
    return re.sub(r"\n{3,}", "\n\n", "\n".join(parts)).rstrip() + "\n"


def _comments(source: str) -> Mapping[int, str]:
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    found = {each.start[0]: each.string.lstrip("# ") for each in tokens if each.type == tokenize.COMMENT}
    return {line: text for line, text in found.items() if not text.startswith(("noqa", "type:"))}


def _definitions(module: ast.Module, comments: Mapping[int, str]) -> Iterator[str]:
    for node in module.body:
        match node:
            case ast.ClassDef(name=name) if name in bridge_core.__all__:
                yield f"### {name}\n"
                yield f"{ast.get_docstring(node) or ''}\n"
                yield from _members(node, comments)
            case ast.FunctionDef(name=name) if name in bridge_core.__all__:
                yield f"### {name}\n"
                yield f"`{_signature(node)}`\n\n{ast.get_docstring(node) or ''}\n"
            case ast.Assign(targets=[ast.Name(id=name)], value=value) if name in bridge_core.__all__:
                yield f"### {name}\n\n`{name} = {ast.unparse(value)}`\n"
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value) if name in bridge_core.__all__:
                yield f"### {name}\n\n`{name} = {ast.unparse(value)}`\n"


def _members(node: ast.ClassDef, comments: Mapping[int, str]) -> Iterator[str]:
    values = [each for each in node.body if isinstance(each, ast.Assign | ast.AnnAssign)]
    if values and not any(ast.unparse(base).endswith(("Error", "Rejected", "Denied")) for base in node.bases):
        yield from ("| | | |", "|---|---|---|")
        for each in values:
            yield _row(each, comments)
        yield ""
    for method in node.body:
        if isinstance(method, ast.FunctionDef | ast.AsyncFunctionDef) and _is_public(method.name):
            before = "async " if isinstance(method, ast.AsyncFunctionDef) else ""
            yield f"- `{before}{_signature(method)}`: {' '.join((ast.get_docstring(method) or '').split())}"
    yield ""


def _row(node: ast.Assign | ast.AnnAssign, comments: Mapping[int, str]) -> str:
    said = comments.get(node.end_lineno or 0, "")
    match node:
        case ast.AnnAssign(target=ast.Name(id=name), annotation=kind, value=value):
            text = ast.unparse(kind) + (f" = {ast.unparse(value)}" if value is not None else "")
        case ast.Assign(targets=[ast.Name(id=name)], value=value):
            text = ast.unparse(value)
        case _:
            return ""
    return f"| `{name}` | `{text.replace('|', chr(92) + '|')}` | {said} |".replace("|  |", "| |")


def _signature(node: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{node.name}({ast.unparse(node.args)}){returns}"


def _is_public(name: str) -> bool:
    return not name.startswith("_") or name == "__call__"


def _checks() -> Iterator[str]:
    for level, title in enumerate(LEVELS):
        yield f"### L{level} {title}\n"
        yield from (f"- `{check.id}`: {check.sentence}" for check in CHECKS if check.level == level)
        yield ""


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")
