"""Our preparing into an empty cache, timed stage by stage."""

from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import harness

from nmt import config as settings
from nmt.config import Config
from nmt.data.prepare import prepare


def main() -> None:
    job = harness.read_job()
    described = settings.load(job["config"]).model_dump(mode="json")
    marks: list[tuple[str, float]] = []

    def note(stage: str, done: int) -> None:
        if not marks or marks[-1][0] != stage:
            marks.append((stage, perf_counter()))

    with TemporaryDirectory(dir=Path.cwd()) as cache:
        described["data"]["cache"] = cache
        config = settings.check(Config, described, name="benchmark")
        prepared = prepare(config, on_progress=note, workers=None, cores=job["threads"])
        end = perf_counter()
        pairs = len(prepared.train)
        del prepared  # Windows removes no file that is mapped
    ends = [begin for _, begin in marks[1:]] + [end]
    stages = {stage: end - begin for (stage, begin), end in zip(marks, ends, strict=True)}
    harness.answer("nmtkit", pairs=pairs, stages=stages, rate=pairs / stages["encoding"])


if __name__ == "__main__":
    main()
