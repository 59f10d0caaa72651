"""The outline of a function: its loops, branches and well-known calls, without a name of its own.

What makes code slow often shows in its shape: a loop in a loop, a search in a list, a regular
expression that is compiled each time. So the shape may leave the host where the source may not:
keywords, built-in functions, methods of built-in types and functions of the standard library are
named; all other names, every text and every number are left out.
"""

from __future__ import annotations

import ast
import builtins
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import getattr_static

MOST_ROWS = 60
MOST_DEPTH = 12
MOST_NOTED = 6

_BUILT_IN = frozenset(name for name in dir(builtins) if not name.startswith("_"))
_METHODS = frozenset(
    name
    for kind in (str, bytes, bytearray, list, tuple, dict, set, int, float)
    for name in dir(kind)
    if not name.startswith("_")
)
_Def = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_STATEMENTS: tuple[tuple[type[ast.AST], str], ...] = (
    *((ast.For, "for"), (ast.AsyncFor, "async for"), (ast.While, "while"), (ast.If, "if")),
    *((ast.With, "with"), (ast.AsyncWith, "async with"), (ast.Try, "try"), (ast.TryStar, "try")),
    *((ast.Match, "match"), (ast.Return, "return"), (ast.Raise, "raise"), (ast.Delete, "del")),
    *((ast.Assign, "="), (ast.AnnAssign, "="), (ast.AugAssign, "+="), (ast.Assert, "assert")),
    *((ast.Import, "import"), (ast.ImportFrom, "import"), (ast.Break, "break")),
    *((ast.FunctionDef, "def"), (ast.AsyncFunctionDef, "async def"), (ast.ClassDef, "class")),
)
_COMPREHENSIONS = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp


@dataclass(frozen=True)
class OutlineRow:
    """A statement: `offset` lines below the head of the function, `depth` blocks deep; `kind` is
    its keyword, `notes` what is known of what it does; `own_pct` the share of the time that was
    spent on its line, None where it has no part of its own."""

    offset: int
    depth: int
    kind: str
    notes: tuple[str, ...]
    own_pct: float | None


def outline(
    lines: Sequence[str], function: str, line: int | None, own_pct: Mapping[int, float]
) -> list[OutlineRow]:
    """The outline of the `function` that `line` is part of, `own_pct` by line. ValueError, in a few
    words, where there is none."""
    module, found = _looked_up(lines, function, line)
    modules = _modules(module)
    body: Sequence[ast.stmt] = (
        [ast.copy_location(ast.Return(found.body), found)]
        if isinstance(found, ast.Lambda)
        else found.body
    )
    return list(_rows(body, found.lineno, modules, own_pct))[:MOST_ROWS]


def lines_of(lines: Sequence[str], function: str, line: int | None) -> tuple[int, int]:
    """The first and the last line of the `function` that `line` is part of, from 1 on, with its
    decorators. ValueError, in a few words, where it is not found."""
    _, found = _looked_up(lines, function, line)
    decorators = [] if isinstance(found, ast.Lambda) else found.decorator_list
    first = min([found.lineno, *(one.lineno for one in decorators)])
    return first, found.end_lineno or found.lineno


def _looked_up(lines: Sequence[str], function: str, line: int | None) -> tuple[ast.Module, _Def]:
    try:
        module = ast.parse("\n".join(lines))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ValueError("its source cannot be parsed") from None
    found = _found(module, function.rpartition(".")[2], line)
    if found is None:
        raise ValueError("its source does not hold it")
    return module, found


def _found(module: ast.Module, name: str, line: int | None) -> _Def | None:
    """The innermost function of that name, or lambda, which the line is in; by its name alone where
    the line is not known and there is one."""
    named = [
        node
        for node in ast.walk(module)
        if (isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name)
        or (isinstance(node, ast.Lambda) and name == "<lambda>")
    ]
    if line is None:
        return named[0] if len(named) == 1 else None
    around = [n for n in named if n.lineno <= line <= (n.end_lineno or n.lineno)]
    return max(around, key=lambda node: node.lineno, default=None)


def _modules(module: ast.Module) -> dict[str, str]:
    """Names in the file that stand for something of the standard library."""
    known: dict[str, str] = {}
    for node in ast.walk(module):
        if isinstance(node, ast.Import):
            for one in node.names:
                first = one.name.partition(".")[0]
                known[one.asname or first] = one.name if one.asname else first
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            known |= {one.asname or one.name: f"{node.module}.{one.name}" for one in node.names}
    of_stdlib = sys.stdlib_module_names
    return {name: real for name, real in known.items() if real.partition(".")[0] in of_stdlib}


def _rows(
    body: Sequence[ast.stmt],
    head: int,
    modules: Mapping[str, str],
    own_pct: Mapping[int, float],
    depth: int = 0,
) -> Iterator[OutlineRow]:
    for statement in body:
        kind = next((word for node, word in _STATEMENTS if isinstance(statement, node)), "do")
        blocks = [] if depth == MOST_DEPTH else list(_blocks(statement))
        inner = {id(node) for _, block in blocks for node in block}
        notes = tuple(dict.fromkeys(_notes(statement, inner, modules)))[:MOST_NOTED]
        last = statement.end_lineno or statement.lineno
        # The head alone of what has blocks: their lines have rows of their own.
        end = min((block[0].lineno for _, block in blocks if block), default=last + 1)
        spent = sum(own_pct.get(one, 0.0) for one in range(statement.lineno, max(end, 1)))
        if kind not in ("=", "do") or notes or spent:
            yield OutlineRow(statement.lineno - head, depth, kind, notes, spent or None)
        for word, block in blocks:
            if word and block:
                yield OutlineRow(block[0].lineno - head, depth, word, (), None)
            yield from _rows(block, head, modules, own_pct, depth + 1)


def _blocks(statement: ast.stmt) -> Iterator[tuple[str, Sequence[ast.stmt]]]:
    """The blocks of a statement, each but the first with the word before it."""
    yield "", getattr(statement, "body", ())
    for handler in getattr(statement, "handlers", ()):
        yield "except", handler.body
    for case in getattr(statement, "cases", ()):
        yield "case", case.body
    yield "else", getattr(statement, "orelse", ())
    yield "finally", getattr(statement, "finalbody", ())


def _notes(statement: ast.stmt, inner: set[int], modules: Mapping[str, str]) -> Iterator[str]:
    """What a statement does that has a public name, its blocks left out."""
    waiting: list[ast.AST] = [statement]
    while waiting:
        node = waiting.pop()
        waiting.extend(n for n in ast.iter_child_nodes(node) if id(n) not in inner)
        if isinstance(node, ast.Call):
            yield _called(node.func, modules)
        elif isinstance(node, _COMPREHENSIONS):
            loops = len(node.generators)
            yield "comprehension" if loops == 1 else f"comprehension of {loops} loops"
        elif isinstance(node, ast.Compare) and any(
            isinstance(op, ast.In | ast.NotIn) for op in node.ops
        ):
            yield "in"
        elif isinstance(node, ast.Await):
            yield "await"
        elif isinstance(node, ast.Yield | ast.YieldFrom):
            yield "yield"
        elif isinstance(node, ast.Subscript) and isinstance(node.slice, ast.Slice):
            yield "slice"


def _called(function: ast.expr, modules: Mapping[str, str]) -> str:
    """The public name of what is called, else only that something is."""
    parts: list[str] = []
    node = function
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if isinstance(node, ast.Name) and node.id in modules:
        return _public(".".join([modules[node.id], *reversed(parts)]))
    if isinstance(node, ast.Name) and not parts and node.id in _BUILT_IN:
        return node.id
    return f".{parts[0]}" if parts and parts[0] in _METHODS else "call"


def _public(name: str) -> str:
    """As much of a name below the standard library as is known to be part of it: programs put
    things of their own there, too. Nothing is imported to find out."""
    first, *rest = name.split(".")
    found, at = [first], sys.modules.get(first)
    for part in rest:
        try:
            at = getattr_static(at, part)
        except AttributeError:
            return f"{'.'.join(found)} call"
        found.append(part)
    return ".".join(found)
