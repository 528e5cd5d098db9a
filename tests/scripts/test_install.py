"""The installer's decisions. That it installs is seen by every `make test` in a fresh clone."""

import json
import os
import sys
import zipfile
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def install():
    spec = spec_from_file_location("install", ROOT / "scripts" / "install.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("place", ["bin/python", "Scripts/python.exe", "python.exe"])
def test_the_interpreter_is_found_on_every_system(install, tmp_path, place):
    assert install.find_python(tmp_path) is None
    (tmp_path / place).parent.mkdir(exist_ok=True)
    (tmp_path / place).touch()
    assert install.find_python(tmp_path) == tmp_path / place


def test_nothing_is_installed_twice(install, tmp_path, monkeypatch):
    calls = []
    monkeypatch.setattr(install, "pip", lambda python, *arguments, **_: calls.append(arguments) or True)
    python = Path(sys.executable)
    install.install(python, tmp_path, extras=set())
    install.install(python, tmp_path, extras=set())
    install.install(python, tmp_path, extras={"test"})
    install.install(python, tmp_path, extras=set())
    assert calls == [("--editable", str(ROOT)), ("--editable", f"{ROOT}[test]")]
    (tmp_path / "nmt-install.json").write_text(json.dumps({"project": "older", "extras": ["test"]}), encoding="utf-8")
    install.install(python, tmp_path, extras=set())
    assert calls[2:] == [("--editable", f"{ROOT}[test]")], "a changed pyproject.toml keeps the extras"


def test_a_torch_that_is_there_stays(install, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(install, "pip", lambda *_, **__: pytest.fail("something was installed"))
    (tmp_path / "torch-2.1.2.dist-info").mkdir()
    (tmp_path / "torch-2.1.2.dist-info" / "METADATA").write_text("Name: torch\nVersion: 2.1.2\n", encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    assert install.torch_version(Path(sys.executable)) == "2.1.2"
    with pytest.raises(SystemExit):
        install.install(Path(sys.executable), tmp_path, extras=set())
    assert "torch 2.1.2" in capsys.readouterr().err


def wheel(folder: Path, version: str) -> None:
    """A package called torch, with nothing in it."""
    texts = {
        "METADATA": f"Metadata-Version: 2.1\nName: torch\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        "RECORD": "",
    }
    with zipfile.ZipFile(folder / f"torch-{version}-py3-none-any.whl", "w") as archive:
        for name, text in texts.items():
            archive.writestr(f"torch-{version}.dist-info/{name}", text)


@pytest.mark.parametrize(("offered", "found"), [("99.1+cpu", "99.1+cpu"), ("99.1", None), ("1+cpu", None), ("", None)])
def test_a_cpu_build_is_found_where_pip_is_told_to_look(install, tmp_path, monkeypatch, offered, found):
    pytest.importorskip("pip")
    if offered:
        wheel(tmp_path, offered)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    asked = []
    monkeypatch.setattr(install, "pip", lambda python, *arguments, **_: asked.append(arguments) or True)
    monkeypatch.setattr(install, "has_nvidia", lambda: False)
    monkeypatch.setattr(install.sys, "platform", "linux")
    install.install_torch(Path(sys.executable))
    near = ("--no-index", "--no-deps", f"torch=={found}")
    assert asked == [near if found else ("--no-deps", install.TORCH, *install.CPU_INDEX)]


@pytest.mark.parametrize(("platform", "driver"), [("darwin", False), ("win32", False), ("linux", True)])
def test_elsewhere_torch_comes_with_the_rest(install, monkeypatch, platform, driver):
    monkeypatch.setattr(install, "pip", lambda *_, **__: pytest.fail("torch was installed"))
    monkeypatch.setattr(install, "has_nvidia", lambda: driver)
    monkeypatch.setattr(install.sys, "platform", platform)
    install.install_torch(Path(os.devnull))


def test_the_oldest_versions_are_those_of_pyproject(install):
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'requires-python = ">={}.{}"'.format(*install.OLDEST_PYTHON) in text
    assert '"torch>={}.{}'.format(*install.OLDEST_TORCH) in text


def test_a_command_runs_in_the_project_and_its_exit_code_is_ours(install):
    code = "import os, sys; sys.exit(7 if os.path.exists('pyproject.toml') else 1)"
    assert install.run_inside(Path(sys.executable), ["-c", code]) == 7


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_a_killed_command_has_the_exit_code_of_its_signal(install):
    code = "import os, signal; os.kill(os.getpid(), signal.SIGTERM)"
    assert install.run_inside(Path(sys.executable), ["-c", code]) == 143
