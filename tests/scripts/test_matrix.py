"""What `make matrix` decides. That its steps work is seen by running it (docs/reliability.md has the table)."""

import re
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def matrix():
    sys.path.insert(0, str(ROOT / "scripts"))
    spec = spec_from_file_location("matrix", ROOT / "scripts" / "matrix.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.path.pop(0)
    return module


def test_counts_are_those_of_the_last_line(matrix):
    output = "2 failed in 3.10s\n...\n=== 5064 passed, 7 skipped, 3 warnings in 426.61s (0:07:06) ===\n"
    assert matrix.counts(output) == "5064 passed, 7 skipped, 3 warnings"
    assert matrix.counts("nothing to see") == ""


def test_this_python_is_found_by_its_path_and_a_missing_one_is_left_out_or_an_error(matrix, capsys):
    ((version, program),) = matrix.find_pythons([sys.executable], named=True)
    assert version == sys.version.split()[0] and Path(program).exists()
    assert list(matrix.find_pythons(["2.99"], named=False)) == []
    with pytest.raises(SystemExit):
        list(matrix.find_pythons(["2.99"], named=True))
    assert capsys.readouterr().err.count("Python 2.99 is not on this machine") == 2


def test_the_log_has_the_output_of_each_command_and_a_failure_is_a_cell(matrix, tmp_path):
    bench = matrix.Bench("uv", sys.executable, "newest", tmp_path / "bench", tmp_path, tmp_path / "log", 1)
    fail = "print('1 failed, 2 passed in 0.10s'); raise SystemExit(3)"
    assert matrix.cell(lambda: bench.run(sys.executable, "-c", "print('one')")) == "one\n"
    assert matrix.cell(lambda: bench.run(sys.executable, "-c", fail)) == "failed: 1 failed, 2 passed (exit 3)"
    assert re.findall(r"^one$|^1 failed.*$", (tmp_path / "log").read_text(encoding="utf-8"), re.M) == [
        "one",
        "1 failed, 2 passed in 0.10s",
    ]


def test_a_row_with_a_failed_cell_has_not_passed(matrix):
    row = matrix.Row("3.12.1", "newest", {"torch": "2.15.0"}, "9 passed", "1 passed", "passed", 8.4)
    assert row.passed and not row._replace(wheel="failed: x").passed
    shown = matrix.table([row]).splitlines()
    assert shown[-1].startswith("| 3.12.1 | newest | 2.15.0 |") and shown[-1].endswith("| passed | 8 |")


def test_classifiers_the_public_workflow_and_the_matrix_name_the_same_pythons(matrix):
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text(encoding="utf-8")
    classified = re.findall(r"Python :: (3\.\d+)", project)
    assert classified == re.findall(r'"(3\.\d+)"', re.search(r"python: \[(.*)\]", workflow)[1])
    assert classified == list(matrix.PYTHONS[: len(classified)])
