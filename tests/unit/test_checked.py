from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from perftui.checked import Invalid, Table, checked
from perftui.settings import LlmSettings, MetricSettings, ObjectiveSettings, Settings


class Leaf(Table, frozen=True, kw_only=True):
    size: int = 0


class Tree(Table, frozen=True, kw_only=True):
    name: str
    left: Leaf = Leaf()
    more: tuple[Leaf, ...] = ()
    named: dict[str, dict[str, Leaf]] = {}  # noqa: RUF012


def wrong(values: object) -> Invalid:
    with pytest.raises(Invalid) as caught:
        checked(values, Tree)
    return caught.value


def test_values_have_their_types():
    """Tables in tables, in lists and under names."""
    found = checked({"name": "a", "more": [{"size": 2}], "named": {"x": {"y": {}}}}, Tree)
    assert found == Tree(name="a", more=(Leaf(size=2),), named={"x": {"y": Leaf()}})


@pytest.mark.parametrize(
    ("values", "location", "given"),
    [
        ({"name": 3}, ("name",), 3),
        ({"name": "a", "left": {"size": "b"}}, ("left", "size"), "b"),
        ({"name": "a", "more": [{}, {"size": None}]}, ("more", 1, "size"), None),
        (
            {"name": "a", "named": {"p": {"q": {}}, "r": {"s": {}, "t.u[0]": {"size": 1.5}}}},
            ("named", "r", "t.u[0]", "size"),
            1.5,
        ),
        ([], (), []),
    ],
)
def test_the_first_that_is_wrong_is_named_with_its_place(values: object, location: object, given):
    """Also below keys that msgspec does not tell."""
    error = wrong(values)
    assert (error.location, error.given, error.allowed) == (location, given, ())


@pytest.mark.parametrize(
    ("values", "location", "allowed"),
    [
        ({"name": "a", "nam": 1}, ("nam",), ("name", "left", "more", "named")),
        ({"name": "a", "more": [{"seize": 1}]}, ("more", 0, "seize"), ("size",)),
        ({"name": "a", "named": {"p": {"q": {"`": 1}}}}, ("named", "p", "q", "`"), ("size",)),
    ],
)
def test_an_unknown_name_comes_with_those_that_are_allowed(
    values: object, location: object, allowed: object
):
    """For whoever has mistyped one."""
    error = wrong(values)
    assert (error.location, error.allowed) == (location, allowed)


def test_the_key_is_right_where_two_things_are_wrong():
    """That of the first fault, which is the one that is told."""
    values = {"name": "a", "named": {"good": {"x": {}}, "bad": {"x": {"size": "b"}}}, "more": 3}
    error = wrong(values)
    assert error.location == ("named", "bad", "x", "size")
    prices = {"good": {"input": 1, "output": 1}, "bad": {"input": "x", "output": 1}}
    with pytest.raises(Invalid) as caught:
        checked({"llm": {"prices": prices}, "profile": {"rate": "a"}}, Settings)
    assert caught.value.location == ("llm", "prices", "bad", "input")


def test_what_is_missing_is_named():
    """There is no value to show then."""
    error = wrong({})
    assert (error.location, error.reason, error.given) == (("name",), "is required", None)


NAMES = sorted(
    name
    for table in (Settings, LlmSettings, MetricSettings, ObjectiveSettings)
    for name in (*table.__struct_encode_fields__, "input")
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(NAMES) | st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(VALUES)
def test_whatever_a_file_holds_is_settings_or_invalid(values: object):
    """And no other error, however deep it is wrong."""
    try:
        found = checked(values, Settings)
    except Invalid as error:
        assert error.reason
    else:
        assert checked({}, Settings).but(metric=found.metric).metric == found.metric
