"""What a run leaves, in a form in which two runs that should be the same are equal."""

import json
from pathlib import Path

TIMES = {"seconds", "tokens_per_second", "minutes", "logged", "memory"}
"""What no two runs share: times, bytes of the log, and the memory of the process."""


def untimed(value):
    """Without these."""
    if isinstance(value, dict):
        return {key: untimed(inner) for key, inner in value.items() if key not in TIMES}
    return value


def outcome(run: Path) -> dict:
    """All that a run leaves: tensors byte for byte, JSON without times."""
    left = {}
    for path in sorted(path for path in run.rglob("*") if path.is_file()):
        name = path.relative_to(run).as_posix()
        if path.suffix == ".json":
            left[name] = untimed(json.loads(path.read_text(encoding="utf-8")))
        elif path.suffix == ".jsonl":
            left[name] = [untimed(json.loads(line)) for line in path.read_text(encoding="utf-8").splitlines()]
        elif path.name not in ("config.yaml", "README.md", "SHA256SUMS"):
            left[name] = path.read_bytes()
    return left


def tree(folder: Path) -> dict[str, bytes | None]:
    """Every file below a folder with its bytes, and every folder."""
    paths = sorted(folder.rglob("*"))
    return {path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None for path in paths}
