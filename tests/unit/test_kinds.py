from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perftui.model.kinds import Kind, installed, kind_of

FILES = {
    "/srv/app.py": Kind.OWN,
    "/usr/local/bin/gunicorn": Kind.OWN,
    "/srv/python3.11/app.py": Kind.OWN,
    "/app/lib/python/tools.py": Kind.OWN,
    "relative/app.py": Kind.OWN,
    "/usr/lib/python3.11/json/decoder.py": Kind.STDLIB,
    "/root/.pyenv/versions/3.13.0/lib/python3.13/threading.py": Kind.STDLIB,
    "/usr/lib/python3.8/distutils/core.py": Kind.STDLIB,
    "/opt/pypy/lib/pypy3.10/json/decoder.py": Kind.STDLIB,
    "/usr/local/lib/python3.13t/asyncio/tasks.py": Kind.STDLIB,
    "/srv/venv/lib/python3.12/site-packages/flask/app.py": Kind.SITE,
    "/usr/lib/python3/dist-packages/yaml/reader.py": Kind.SITE,
    "/usr/lib64/python3.9/site-packages/six.py": Kind.SITE,
    "/srv/venv/lib/python3.12/site-packages/vendored/lib/python3.12/x.py": Kind.SITE,
    "/app/eggs/Foo-1.0-py3.egg/foo.py": Kind.SITE,
    "/app/__pypackages__/3.8/lib/foo.py": Kind.SITE,
    "/app/site-packages/foo.py": Kind.SITE,
    "/app/lib/python3.11/site-packages": Kind.STDLIB,
    "": Kind.NATIVE,
    "<string>": Kind.NATIVE,
    "<frozen importlib._bootstrap>": Kind.NATIVE,
    "python3.11": Kind.NATIVE,
    "libc.so.6": Kind.NATIVE,
    "libpthread-2.31.so": Kind.NATIVE,
    "ceval.c": Kind.NATIVE,
    "src/lib.rs": Kind.NATIVE,
    "loop.cpp": Kind.NATIVE,
    "/srv/venv/lib/python3.12/site-packages/numpy/random/_generator.pyx": Kind.NATIVE,
    "/usr/lib/python3.11/lib-dynload/_json.cpython-311-x86_64-linux-gnu.so": Kind.NATIVE,
}


@pytest.mark.parametrize("file", FILES)
def test_kind(file: str) -> None:
    """A path says whose code it is."""
    assert kind_of(file) is FILES[file]


def test_where_in_the_library() -> None:
    """What is installed also says where below its library it is, the innermost place first."""
    site, stdlib = Kind.SITE, Kind.STDLIB
    below = ("json", "decoder.py")
    assert list(installed("/usr/lib/python3.11/json/decoder.py")) == [(stdlib, below)]
    assert list(installed("/usr/lib/python3/dist-packages/json/decoder.py")) == [(site, below)]
    assert list(installed("/home/u/lib/python/site-packages/six.py")) == [(site, ("six.py",))]
    assert list(installed("/app/lib/python3.9/site-packages/own/lib/python3.9/x.py")) == [
        (stdlib, ("x.py",)),
        (site, ("own", "lib", "python3.9", "x.py")),
    ]


@pytest.mark.parametrize(
    "file",
    [
        "/srv/json/decoder.py",
        "/srv/site-packages/six.py",
        "/srv/lib/site-packages/six.py",
        "/srv/lib/python/json/decoder.py",
        "/srv/lib/python3.11",
        "/srv/python3.11/site-packages/six.py",
        "",
    ],
)
def test_not_in_a_library(file: str) -> None:
    """A part of the layout is not enough to say where in a library a file is."""
    assert list(installed(file)) == []


@given(st.text())
def test_any_text_is_of_some_kind(file: str) -> None:
    """Whatever a target calls a file, it has a kind."""
    assert kind_of(file) in Kind
