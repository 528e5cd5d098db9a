"""Our decoding as `nmt translate` does it, with as many worker processes as it takes by itself."""

import harness
import torch

from nmt import Translator, runtime


def main() -> None:
    job = harness.read_job()
    torch.set_num_threads(job["threads"])
    runtime.keep_freed_memory()
    where = {"device": job["device"], "threads": job["threads"], "beam": job["beam"]}
    if "exported" in job:
        harness.need_float32(Translator.load(job["run"], **where).engine.precision)
    translator = Translator.load(job["run"], precision=job["precision"], **where)

    def translate(lines: list[str]) -> list[str]:
        return [each.text for each in translator.translations(lines, details=False, workers=None)]

    harness.measure_decoding(job, "nmtkit", translate)


if __name__ == "__main__":
    main()
