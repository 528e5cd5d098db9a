"""The quickstart from its first command to its last, with three updates a model; and once more."""

import subprocess
import sys
from pathlib import Path

import pytest

from nmt import config

ROOT = Path(__file__).resolve().parents[2]
MODELS = ("gru", "attention_rnn", "transformer")


def run(configs: Path) -> str:
    command = [sys.executable, str(ROOT / "scripts" / "quickstart.py"), "--configs", str(configs)]
    done = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.soak
def test_quickstart(tmp_path):
    for name in MODELS:
        tiny = [f"run={tmp_path / 'runs' / name}", "training.steps=3", "training.evaluate_every=3", "search.beam=1"]
        tiny.append("training.evaluate_sentences=3")
        loaded = config.load(ROOT / "configs" / "quickstart" / f"{name}.yaml", tiny)
        (tmp_path / f"{name}.yaml").write_text(config.dump(loaded), encoding="utf-8")
    shown = run(tmp_path)
    for name in MODELS:
        assert f"$ nmt train --config {tmp_path / name}.yaml\n" in shown
        assert f"\n| {name} " in shown, "a row of the table"
    assert shown.count("\nreference ") == shown.count("\ntransformer ") == 6
    assert "What next?" in shown

    again = run(tmp_path)
    assert all(f"$ nmt train --config {tmp_path / name}.yaml --resume\n" in again for name in MODELS)
    assert again.count("\nreference ") == 6
