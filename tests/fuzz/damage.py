"""Strategies that break things: bytes, and trees of plain values."""

import copy
import json
from typing import Any

from hypothesis import strategies as st

# What a value may be replaced by: wrong types, sizes that nothing has, text that steers terminals.
HOSTILE = st.one_of(
    st.sampled_from(
        [
            None, True, False, 0, 1, -1, 2, 3, 7, 2**31, 2**63 - 1, 2**63, -(2**63) - 1, 10**40, 0.0, -0.0, 0.5, 1.5,
            1e-300, 1e308, -1e308, 1e18, "", " ", "~", "null", "yes", "1e3", ".inf", "../../outside", "/etc/passwd",
            "a\x1b[31mb", "a\nb", "\x00", "\ud800", "\u2028", "x" * 5000, [], {}, [[]], [None], ["a", "b"], {"a": 1},
            {"type": "gru"}, {"held_out": 2}, [1, 2], [0.5, True], {"__class__": "os.system"},
        ]
    ),
    st.integers(), st.floats(), st.text(max_size=20), st.booleans(),
    st.recursive(st.none() | st.integers(), lambda inner: st.lists(inner, max_size=3), max_leaves=30),
).map(copy.deepcopy)  # fmt: skip


@st.composite
def damaged(draw, content: bytes) -> bytes:
    """Bytes with a few faults: cut, flipped, overwritten, inserted, left out, repeated."""
    broken = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(0, len(broken) - 1)))
        length = draw(st.integers(1, 40))
        match draw(st.sampled_from(["cut", "flip", "overwrite", "insert", "leave out", "repeat", "swap"])):
            case "cut":
                del broken[place:]
            case "flip" if broken:
                broken[place] ^= 1 << draw(st.integers(0, 7))
            case "overwrite":
                some = draw(st.binary(min_size=1, max_size=length))
                broken[place : place + len(some)] = some
            case "insert":
                broken[place:place] = draw(st.binary(max_size=length) | st.sampled_from(NASTY))
            case "leave out":
                del broken[place : place + length]
            case "repeat":
                broken[place:place] = broken[place : place + length] * draw(st.integers(1, 20))
            case "swap":
                other = draw(st.integers(0, max(0, len(broken) - 1)))
                broken[place : place + length], broken[other : other + length] = (
                    broken[other : other + length], broken[place : place + length],
                )  # fmt: skip
    return bytes(broken)


def flipped(content: bytes) -> st.SearchStrategy[bytes]:
    """Bytes of which one bit is another, anywhere."""
    places = st.integers(0, 8 * len(content) - 1)
    return places.map(lambda bit: (int.from_bytes(content, "little") ^ (1 << bit)).to_bytes(len(content), "little"))


NASTY = [
    b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\r\n", b"\n\n", b"\t", b"\x1b[2J", b"\xed\xa0\x80", b"\xc0\xaf",
    b"\x85", "\u2028\u2029\x85\x0b\x0c".encode(), b"\xf4\x90\x80\x80", b"A" * 3000, " \u00a0\u3000".encode(),
]  # fmt: skip
"""NUL, halves of marks and characters, surrogates, overlong and too large ones, all that somebody calls a line end."""


def places(tree: Any, at: tuple = ()) -> list[tuple]:
    """The ways to every value inside a tree."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [way for key, value in inner for way in [(*at, key), *places(value, (*at, key))]]


@st.composite
def deranged(draw, tree: Any) -> Any:
    """A tree of plain values with a few of them replaced, left out, renamed or wrapped."""
    tree = copy.deepcopy(tree)
    for _ in range(draw(st.integers(1, 3))):
        ways = places(tree)
        if not ways:
            return draw(HOSTILE)
        *way, key = draw(st.sampled_from(ways))
        parent = tree
        for each in way:
            parent = parent[each]
        match draw(st.sampled_from(["replace", "replace", "replace", "leave out", "rename", "wrap", "add"])):
            case "replace":
                parent[key] = draw(HOSTILE)
            case "leave out":
                del parent[key]
            case "rename" if isinstance(parent, dict):
                parent[draw(st.text(max_size=8) | st.just(key + "s"))] = parent.pop(key)
            case "wrap":
                for _ in range(draw(st.sampled_from([1, 2, 50]))):
                    parent[key] = draw(st.sampled_from([[parent[key]], {"a": parent[key]}]))
            case "add" if isinstance(parent, dict):
                parent[draw(st.text(max_size=8) | st.sampled_from(sorted(map(str, parent))))] = draw(HOSTILE)
    return tree


def as_yaml(tree: Any) -> bytes:
    """JSON, which is YAML too; what no JSON can say is written as Python does."""
    return json.dumps(tree, indent=1).encode("utf-8", errors="surrogatepass")
