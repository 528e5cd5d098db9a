"""The rules that design.md gives for the source itself, read from its syntax trees."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "nmt"
GROUND = (
    "errors", "escapes", "ids", "files", "packages", "runtime", "version", "tensors", "checksums", "workers", "dtypes",
    "locks", "streams", "strict_json",
)  # fmt: skip
"""Anyone may use them."""
MAY_IMPORT = {
    **dict.fromkeys(("checksums", "locks"), ("errors", "files")),
    "tensors": ("errors", "files", "strict_json"),
    **dict.fromkeys(("escapes", "packages"), ()),
    "errors": ("escapes",),
    "runtime": ("errors", "workers"),
    **dict.fromkeys(("ids", "streams", "version", "workers", "dtypes", "strict_json"), ("errors",)),
    "files": ("errors", "streams"),
    "config": GROUND,
    "layers": GROUND,
    "models": (*GROUND, "layers", "config"),
    "data": (*GROUND, "config"),
    "card": (*GROUND, "config"),
    "bundle": (*GROUND, "models", "data.tokenizer", "config", "card"),
    "decoding": (*GROUND, "models.base", "data", "config"),
    **dict.fromkeys(
        ("decoding.translator", "decoding.engine", "decoding.torch_engine", "decoding.ctranslate2_engine"),
        (*GROUND, "models.base", "data", "config", "bundle"),
    ),
    "export": (*GROUND, "layers", "data", "config", "bundle", "decoding"),
    "synthesis": (*GROUND, "data", "config", "bundle", "decoding"),
    "evaluation.metrics": GROUND,
    "evaluation.moses": GROUND,
    "evaluation": (*GROUND, "data", "config", "bundle", "decoding"),
    "analysis": (*GROUND, "data", "config", "bundle", "decoding", "evaluation"),
    "training": (
        *GROUND, "layers", "models", "data", "card", "bundle", "decoding", "evaluation", "analysis.runs", "config",
    ),
}  # fmt: skip
"""Room or module -> what it may import besides its own room; the most exact name counts. `cli` may import anything."""

FILES = {".".join(path.relative_to(PACKAGE).with_suffix("").parts): path for path in sorted(PACKAGE.rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in FILES.items()}
LIBRARY = [name for name in FILES if name.split(".")[0] != "cli" and name not in ("__init__", "__main__")]


def within(module: str, places: tuple[str, ...]) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


def imports(name: str) -> set[str]:
    """Our modules that a module imports anywhere in it, without the leading `nmt.`."""
    found = set()
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{name}: relative import"
            inner = {f"{node.module}.{each.name}" for each in node.names}
            found |= {each if each.removeprefix("nmt.") in MODULES else node.module for each in inner}
    return {each.removeprefix("nmt.") for each in found if each.startswith("nmt.")}


MODULES = {name.removesuffix(".__init__") for name in FILES}


@pytest.mark.parametrize("name", LIBRARY)
def test_a_module_imports_only_what_its_room_may(name):
    room = name.split(".")[0]
    module = name.removesuffix(".__init__")
    rule = next(MAY_IMPORT[place] for place in (module, room) if place in MAY_IMPORT)
    own = ("models.base",) if room == "models" and module != "models" else (room,)
    strangers = {each for each in imports(name) if not within(each, (*rule, *own))}
    assert not strangers, f"nmt/{name.replace('.', '/')}.py may not import {', '.join(sorted(strangers))}"


def test_the_rules_see_imports():
    assert "config" in imports("cli.config")
    assert "models.base" in imports("models.transformer")
    assert "config.yaml" in imports("config.__init__")


def test_nobody_imports_the_command_line():
    assert [name for name in LIBRARY if any(within(each, ("cli",)) for each in imports(name))] == []


def calls(name: str):
    """(the called name, what it is called on, the call) for each call in a module."""
    for node in ast.walk(TREES[name]):
        if isinstance(node, ast.Call):
            function = node.func
            if isinstance(function, ast.Attribute):
                yield function.attr, ast.unparse(function.value), node
            elif isinstance(function, ast.Name):
                yield function.id, "", node


@pytest.mark.parametrize("name", FILES)
def test_nothing_that_is_read_can_run_code(name):
    nodes = list(ast.walk(TREES[name]))
    modules = {each.name.split(".")[0] for node in nodes if isinstance(node, ast.Import) for each in node.names}
    modules |= {node.module.split(".")[0] for node in nodes if isinstance(node, ast.ImportFrom)}
    assert not modules & {"pickle", "dill", "cloudpickle", "joblib", "shelve", "marshal"}
    for function, owner, call in calls(name):
        assert (owner, function) not in {("torch", "load"), ("torch", "save"), ("", "eval"), ("", "exec")}
        assert not any(keyword.arg == "allow_pickle" and keyword.value.value for keyword in call.keywords)


def mode(call: ast.Call) -> str:
    given = [each.value for each in call.args[1:2] if isinstance(each, ast.Constant)]
    given += [each.value.value for each in call.keywords if each.arg == "mode" and isinstance(each.value, ast.Constant)]
    return given[0] if given else "r"


@pytest.mark.parametrize("name", sorted({*FILES} - {"files"}))
def test_files_are_written_through_one_module_and_read_as_utf_8(name):
    for function, owner, call in calls(name):
        place = f"nmt/{name.replace('.', '/')}.py:{call.lineno}"
        if function == "open" and owner in ("", "gzip", "lzma") and isinstance(mode(call), str):
            # What grows line by line is the exception that files.py names; a lock holds nothing.
            grows = name in ("training.log", "synthesis.journal", "locks")
            assert not set(mode(call)) & set("wax+") or grows, f"{place}: writes a file"
            encoded = any(keyword.arg == "encoding" for keyword in call.keywords)
            assert encoded or "b" in mode(call) or owner, f"{place}: opens text without an encoding"
        if function in ("write_text", "write_bytes", "tofile", "save_file"):
            assert owner == "files", f"{place}: writes a file"
        if function == "read_text":
            assert any(keyword.arg == "encoding" for keyword in call.keywords), f"{place}: reads without an encoding"


@pytest.mark.parametrize("name", sorted({*FILES} - {"cli.terminal"}))
def test_the_commands_print_through_one_module(name):
    """Text passes the filter of nmt.cli.terminal, and the bytes below it are for data alone."""
    for function, owner, call in calls(name):
        place = f"nmt/{name.replace('.', '/')}.py:{call.lineno}"
        assert function not in ("print", "echo", "secho", "style"), f"{place}: prints beside nmt.cli.terminal"
        assert function not in ("write", "writelines") or not owner.startswith("sys."), f"{place}: writes to a stream"
        assert (owner, function) != ("terminal", "data") or name == "cli.lines", f"{place}: writes bytes to stdout"
    for node in ast.walk(TREES[name]):
        beside = isinstance(node, ast.Attribute) and node.attr in ("__stdout__", "__stderr__", "buffer")
        assert not beside or ast.unparse(node.value) == "sys.stdin", f"nmt/{name}:{node.lineno}: goes around the filter"


@pytest.mark.parametrize("name", LIBRARY)
def test_the_library_is_silent(name):
    for function, owner, call in calls(name):
        prints = function in ("print", "echo") or owner in ("sys.stdout", "sys.stderr")
        assert not prints, f"nmt/{name.replace('.', '/')}.py:{call.lineno}: prints"


def test_the_command_line_starts_without_heavy_packages():
    heavy = "{'torch', 'numpy', 'pydantic', 'sentencepiece', 'sacrebleu', 'yaml'}"
    code = f"import sys, nmt, nmt.cli.app; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.strip() == "[]"


def test_the_python_api_is_there():
    import nmt

    assert set(nmt.__all__) <= set(dir(nmt))
    with pytest.raises(AttributeError, match="nothing"):
        nmt.nothing  # noqa: B018
    for name in nmt.__all__:
        assert getattr(nmt, name), name
