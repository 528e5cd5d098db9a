"""Characters that steer a terminal are shown as escapes, in the form of JSON and YAML."""

import json
import shlex
import sys
import unicodedata
from xml.etree import ElementTree

import pytest

from nmt.config import yaml
from nmt.escapes import markdown, shell, visible, visible_line

STEERING = [
    *map(chr, range(0x20)), *map(chr, range(0x7F, 0xA0)), *"\u061c\u200e\u200f\u2028\u2029", "\ud800", "\udcff",
    *map(chr, range(0x202A, 0x202F)), *map(chr, range(0x2066, 0x206A)), "\ufffe", "\uffff",
]  # fmt: skip


@pytest.mark.parametrize("character", STEERING, ids=lambda each: f"{ord(each):04x}")
def test_an_escape_stands_for_each(character):
    escape = f"\\u{ord(character):04x}"
    assert visible_line(f"a{character}b") == f"a{escape}b"
    assert visible(f"a{character}b") == (f"a{character}b" if character in "\t\n" else f"a{escape}b")


def test_all_else_stays():
    rest = "".join(each for each in map(chr, range(sys.maxunicode + 1)) if each not in STEERING)
    rest = "".join(each for each in rest if unicodedata.category(each) != "Cs")
    assert visible_line(rest) == rest
    assert visible("می‌خواهم") == "می‌خواهم"  # with a zero-width non-joiner, as Persian is spelled


@pytest.mark.parametrize("character", STEERING, ids=lambda each: f"{ord(each):04x}")
def test_programs_read_the_same_as_before(character):
    value = {f"k{character}": [f"a{character}b", "plain"]}
    assert json.loads(visible(json.dumps(value, ensure_ascii=False))) == value
    for text in (yaml.dump(value), yaml.flow(value)):
        assert visible(text) == text
        if character.isprintable() or unicodedata.category(character) in ("Cf", "Zl", "Zp", "Cn"):
            assert yaml.parse(text, "x") == value


@pytest.mark.parametrize("character", STEERING, ids=lambda each: f"{ord(each):04x}")
def test_xml_takes_what_is_escaped(character):
    assert ElementTree.fromstring(f"<a>{visible(character)}</a>").text


def test_escaping_twice_changes_nothing():
    for function in (visible, visible_line):
        once = function("".join(STEERING))
        assert function(once) == once


def test_markdown_acts_on_nothing():
    assert markdown("a|b `c` <d>\x1b\n") == r"a\|b \`c\` \<d>\\u001b\\u000a"


@pytest.mark.parametrize("name", ["run", "two words", "it's", '"', "a;b", "#c", "$HOME", "ü漢", "a:b", "*"])
def test_a_path_is_one_word_of_a_shell(name):
    assert shlex.split(f"nmt info {shell(name)}") == ["nmt", "info", name]


def test_a_path_is_no_option():
    assert shell("-x.yaml") == "./-x.yaml" and shell("runs/-x") == "runs/-x"


@pytest.mark.parametrize("name", ["a.de", "a: b", "it's", '"', "#a", "a #b", "-a", "a, b", "{a}", "yes", "~", "1", ""])
def test_a_value_on_one_line_is_read_as_it_was(name):
    value = {"source": name, "tag": "bt", "weight": 1.0}
    assert yaml.parse(f"train:\n    - {yaml.flow(value)}", "x") == {"train": [value]}


def test_simple_values_need_no_quotes():
    value = {"source": "a.de", "target": ["b.en", "c.en"], "weight": 1.0}
    assert yaml.flow(value) == "{source: a.de, target: [b.en, c.en], weight: 1.0}"
    assert yaml.flow({"a": "x" * 300 + " y" * 300}).count("\n") == 0
