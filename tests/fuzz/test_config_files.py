"""Config files and overrides: broken bytes, broken structure, YAML's traps."""

import json
from pathlib import Path

import pytest
from damage import HOSTILE, as_yaml, damaged, deranged
from hypothesis import given
from hypothesis import strategies as st
from law import holds, tries

from nmt import config
from nmt.config import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = [path.read_bytes() for path in sorted(ROOT.glob("configs/**/*.yaml"))]
TREES = [yaml.parse(content.decode(), "x") for content in FILES]
SCHEMA = config.schema()

TRAPS = [
    "a: &a [x, x]\nb: &b [*a, *a]\nc: [*b, *b]\n", "<<: {a: 1}\n", "x: !!python/object/apply:os.system [ls]\n",
    "!!python/name:os.system : 1\n", "x: !!binary aGk=\n", "run: a\nrun: b\n", "? [a, b]\n: c\n", "\tx: 1\n",
    "---\n", "...\n", "%YAML 1.1\n---\n", "%TAG ! tag:x,2000:\n", "x: " + "[" * 500 + "\n", "x: " + "{a: " * 500 + "\n",
    "- " * 400 + "\n", "x: |\n  text\n  more\n", "x: >-\n  folded\n", 'x: "\\x00"\n', 'x: "\\ud800"\n',
    'x: "\\U00110000"\n', "x: 'open\n", "x: {a: 1,,}\n", "training: {steps: 0x10}\n", "training: {steps: 1__0}\n",
    "training: {steps: " + "9" * 5000 + "}\n", "training: {lr: 1" + "0" * 400 + "}\n", "training: {lr: .nan}\n",
    "model: {type: [gru]}\n", "model: {type: {a: b}}\n", "data: {dev: [1]}\n", "x: @a\n", "x: `a\n", "x: %a\n",
    "\x07: 1\n", "\ufeffx: 1\n", "x: \ufffe\n", "x:\r  y: 1\r\n", "x: \u2028y\n", "1: 2\n", "true: 2\n", "null: 2\n",
    "~: 2\n", "x" * 5000 + ": 1\n", "? " + "x" * 2000 + "\n: 1\n", "#" * 5000 + "\n", "x: " + "a " * 2000 + "\n",
]  # fmt: skip


def load(folder: Path, content: bytes, overrides: list[str] = ()) -> None:
    """The law, and that a config which loads is written down as it was meant."""
    path = folder / "config.yaml"
    path.write_bytes(content)
    loaded = holds(lambda: config.load(path, overrides), folder=folder)
    if loaded is not None:
        path.write_text(config.dump(loaded), encoding="utf-8")
        assert config.load(path) == loaded


@tries(50)
@given(st.data())
def test_broken_bytes(tmp_path, data):
    load(tmp_path, data.draw(damaged(data.draw(st.sampled_from(FILES)))))


@tries(50)
@given(st.data())
def test_broken_structure(tmp_path, data):
    load(tmp_path, as_yaml(data.draw(deranged(data.draw(st.sampled_from(TREES))))))


@st.composite
def from_schema(draw, schema: dict):
    """A value as the schema of a setting allows, now and then something else."""
    if draw(st.integers(0, 150)) == 0:
        return draw(HOSTILE)
    if "$ref" in schema:
        return draw(from_schema(SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]]))
    if inner := schema.get("anyOf") or schema.get("oneOf"):
        return draw(from_schema(draw(st.sampled_from(inner))))
    if "const" in schema or "enum" in schema:
        return draw(st.sampled_from(schema.get("enum") or [schema["const"]]))
    least = schema.get("minimum", schema.get("exclusiveMinimum", 0))
    most = schema.get("maximum", schema.get("exclusiveMaximum", least + 1000))
    match schema["type"]:
        case "object":
            needed, known = schema.get("required", []), schema["properties"]
            chosen = {*needed, *draw(st.lists(st.sampled_from(sorted(known)), max_size=6))}
            return {name: draw(from_schema(known[name])) for name in sorted(chosen)}
        case "array":
            return draw(st.lists(from_schema(schema.get("items") or schema["prefixItems"][0]), min_size=1, max_size=2))
        case "integer":
            return draw(st.integers(int(least), int(most)))
        case "number":
            return draw(st.floats(least, most))
        case "boolean":
            return draw(st.booleans())
        case "null":
            return None
    return draw(st.sampled_from(["de", "en", "text/a.gz", "../b", "~/c"]))


@tries(60)
@given(from_schema(SCHEMA))
def test_generated_configs(tmp_path, tree):
    load(tmp_path, as_yaml(tree))


@tries(30)
@given(st.sampled_from(FILES), st.lists(st.sampled_from(TRAPS), min_size=1, max_size=2), st.integers(0, 20))
def test_traps_of_yaml(tmp_path, content, traps, line):
    lines = content.decode().splitlines(keepends=True)
    load(tmp_path, "".join([*lines[:line], *traps, *lines[line:]]).encode("utf-8", errors="surrogatepass"))


@pytest.mark.parametrize("trap", TRAPS, ids=range(len(TRAPS)))
def test_each_trap_alone(tmp_path, trap):
    load(tmp_path, trap.encode())


SETTINGS = [f"{section}.{name}" for section, inner in {
    "training": config.TrainingConfig, "search": config.SearchConfig, "tokenizer": config.TokenizerConfig,
    "model": config.TransformerConfig, "data": config.DataConfig,
}.items() for name in inner.model_fields]  # fmt: skip


@tries(60)
@given(
    st.lists(
        st.one_of(
            st.builds("{}={}".format, st.sampled_from(SETTINGS), HOSTILE.map(lambda each: json.dumps(each))),
            st.builds("{}={}".format, st.sampled_from(SETTINGS), st.sampled_from(TRAPS) | st.text(max_size=10)),
            st.builds("{}={}".format, st.text(st.sampled_from("abmodel.="), max_size=9), st.text(max_size=5)),
            st.text(max_size=20),
        ),
        min_size=1, max_size=4,
    )
)  # fmt: skip
def test_overrides(tmp_path, overrides):
    load(tmp_path, FILES[0], overrides)
