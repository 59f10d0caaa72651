from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from perftui.model.text import plain

HARMFUL = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
ANY_TEXT = st.text(st.characters()) | st.text(
    st.sampled_from(
        "a;[]mZ\\ \t\n\r\x00\x07\x1b\x7f\x85\x90\x9b\x9c\x9d\xa0\u200b\u202e\u2066\u2028\ufeff"
        "\U000e0041\udc80�表é"
    )
)


@given(ANY_TEXT)
@example("\x1b]0;title\x07")
@example("\ud800")
def test_plain_text_is_harmless(text: str):
    """Nothing that moves the cursor, reorders text or cannot be written is left."""
    shown = plain(text)
    assert not {unicodedata.category(char) for char in shown} & HARMFUL
    shown.encode("utf-8")
    assert "  " not in shown
    assert shown == shown.strip()


@given(ANY_TEXT)
def test_plain_is_idempotent(text: str):
    """Text that was made harmless stays as it is."""
    assert plain(plain(text)) == plain(text)


@given(st.text(st.characters(categories=["L", "N", "P", "S", "M"]), min_size=1))
def test_plain_leaves_what_is_harmless(text: str):
    """Letters, figures and signs of every script stay."""
    assert plain(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\tb\n\nc ", "a b c"),
        ("\x1b[31mred", "�red"),
        ("\x9b31mred", "�red"),
        ("\x1b]0;title\x07x", "�x"),
        ("\x1b]0;title\x1b\\x", "�x"),
        ("\x1b]0;no end", "�0;no end"),
        ("a\x1b", "a�"),
        ("[/red]", "[/red]"),
        ("a\u202eb", "a�b"),
        ("a\u2028b", "a b"),
        ("a\udc80b", "a�b"),
        ("a\x00 \x00b", "a� �b"),
        ("", ""),
        ("表é", "表é"),
    ],
)
def test_plain_examples(text: str, shown: str):
    """What would harm becomes a replacement character, white space becomes one space."""
    assert plain(text) == shown


@given(ANY_TEXT, st.integers(1, 30))
def test_plain_holds_its_limit(text: str, limit: int):
    """Text with a limit is never longer, and is whole if it fits."""
    shown, whole = plain(text, limit), plain(text)
    assert len(shown) <= limit
    if len(whole) <= limit:
        assert shown == whole
    else:
        assert shown.endswith("…")
        assert whole.startswith(shown[:-1])


@pytest.mark.parametrize(
    ("limit", "shown"),
    [
        (20, "call fn_12 now"),
        (14, "call fn_12 now"),
        (13, "call fn_12…"),
        (10, "call…"),
        (3, "ca…"),
    ],
)
def test_plain_cuts_between_words(limit: int, shown: str):
    """Half a name could be another one: a cut goes before the word, where there is one before."""
    assert plain("call fn_12 now", limit) == shown


def test_plain_is_fast_on_hostile_text():
    """No text of a process makes it slow: a megabyte of escape sequences is read in one go."""
    for hostile in ("\x1b]", "\x1b[", "\x9d", "\x1b]a", "\x1b"):
        assert len(plain(hostile * (10**6 // len(hostile)))) <= 10**6
