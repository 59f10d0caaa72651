"""The shape of a function, without a name of its own."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perftui.advisor.outline import MOST_ROWS, outline

SOURCE = """\
import json as s3cret_json
import re
from logging import getLogger, s3cret_added
from s3cret_package import json

def s3cret_other():
    return 1

class S3cret:
    def find(self, s3cret_items, s3cret_text):
        s3cret_found = []
        for s3cret_item in s3cret_items:
            if s3cret_item not in s3cret_found:
                s3cret_found.append(s3cret_json.loads(s3cret_item))
            else:
                self.s3cret_count += len(s3cret_text)
        try:
            s3cret_pattern = re.compile("s3cret" + s3cret_text)
            s3cret_added(s3cret_other())
        except S3cretError:
            raise ValueError("s3cret") from None
        with self.s3cret_lock:
            json.dumps(re.s3cret_own(1234567))
        return [x for x in s3cret_found for y in s3cret_pattern if y.s3cret]
"""
LINES = SOURCE.splitlines()


def rows(*args, **shares):
    return [(r.offset, r.depth, r.kind, r.notes) for r in outline(LINES, *args, **shares)]


def test_loops_branches_and_well_known_calls():
    """Each statement by its keyword, with what has a public name; the rest is a call."""
    assert rows("S3cret.find", 13, own_pct={}) == [
        (2, 0, "for", ()),
        (3, 1, "if", ("in",)),
        (4, 2, "do", (".append", "json.loads")),
        (6, 1, "else", ()),
        (6, 2, "+=", ("len",)),
        (7, 0, "try", ()),
        (8, 1, "=", ("re.compile",)),
        (9, 1, "do", ("logging call", "call")),
        (11, 0, "except", ()),
        (11, 1, "raise", ("ValueError",)),
        (12, 0, "with", ()),
        (13, 1, "do", ("call", "re call")),
        (14, 0, "return", ("comprehension of 2 loops",)),
    ]


def test_the_share_of_a_line_is_at_its_statement():
    """The head of a loop has its own lines alone."""
    found = outline(LINES, "find", 13, {12: 5.0, 13: 20.0, 14: 40.0})
    assert [(r.kind, r.own_pct) for r in found[:4]] == [
        ("for", 5.0),
        ("if", 20.0),
        ("do", 40.0),
        ("else", None),
    ]


def test_nothing_of_ones_own_is_in_it():
    """Names, texts and numbers of the program stay; so does what it has put into a module."""
    for name, line in (("find", 13), ("s3cret_other", 7)):
        text = str(outline(LINES, name, line, {})).lower()
        assert "s3cret" not in text
        assert "1234567" not in text


@pytest.mark.parametrize(
    ("lines", "name", "line", "why"),
    [
        (["def f(:"], "f", 1, "cannot be parsed"),
        (["x = 1\0"], "f", 1, "cannot be parsed"),
        (["def f(): pass"], "g", 1, "does not hold it"),
        (["def f(): pass"], "f", 7, "does not hold it"),
        (["def f(): pass", "def f(): pass"], "f", None, "does not hold it"),
    ],
)
def test_where_there_is_none(lines, name, line, why):
    """It says why."""
    with pytest.raises(ValueError, match=why):
        outline(lines, name, line, {})


def test_lambdas_and_functions_in_functions():
    """The innermost one around the line."""
    lines = textwrap.dedent("""\
        def f():
            def f():
                while True:
                    sorted([])
            return lambda: max(f())
    """).splitlines()
    assert [r.kind for r in outline(lines, "f.<locals>.f", 4, {})] == ["while", "do"]
    assert [r.kind for r in outline(lines, "f", 5, {})] == ["def", "while", "do", "return"]
    [row] = outline(lines, "f.<locals>.<lambda>", 5, {})
    assert (row.kind, row.notes) == ("return", ("max", "call"))


def test_it_is_bounded():
    """A function of a thousand lines, nested a hundred deep."""
    deep = ["def f():", *(" " * (n + 1) + "if x:" for n in range(90)), " " * 91 + "pass"]
    long = ["def f():", *("    print(1)" for _ in range(1000))]
    assert len(outline(long, "f", 1, {})) == MOST_ROWS
    assert len(outline(deep, "f", 1, {})) <= MOST_ROWS


@given(st.text(max_size=300), st.text(max_size=10), st.none() | st.integers(0, 20))
def test_any_text_has_an_outline_or_none(text, name, line):
    """Nothing else is raised."""
    try:
        outline(text.splitlines(), name, line, {})
    except ValueError as error:
        assert str(error) in ("its source cannot be parsed", "its source does not hold it")


@pytest.mark.parametrize("module", [ast, textwrap])
def test_real_modules(module):
    """Every function of some real files has one."""
    lines = Path(module.__file__).read_text(encoding="utf-8").splitlines()
    for node in ast.walk(ast.parse("\n".join(lines))):
        if isinstance(node, ast.FunctionDef):
            outline(lines, node.name, node.lineno, {})
