"""What the study wants to know of a finished run, measured in a process of its own, on one thread.

    python scripts/study/measure.py RUN FACTS.json
"""

import json
import sys
from pathlib import Path
from statistics import mean

from nmt import config as settings
from nmt import files
from nmt.analysis import entropy, runs
from nmt.data.text import read_pairs
from nmt.evaluation import metrics, systems


def main(run: Path, facts: Path) -> None:
    source, reference = zip(*read_pairs(settings.load(run / "config.yaml").data.test), strict=True)
    (trained,) = runs.read([run])
    where = {"device": "cpu", "precision": "float32", "threads": 1}
    ready = systems.load([run], run.name, where=where, search={})
    system = systems.translate(ready, source, workers=1)
    attention = entropy.of_translator(ready.translator, source, reference)
    scores = {name: metrics.score(name, system.hypotheses, reference, lowercase=False, tokenize="13a")
              for name in ("bleu", "chrf")}  # fmt: skip
    files.write_text(facts, json.dumps({
        **{name: score.value for name, score in scores.items()},
        "loss": min(each.loss for each in trained.log.evaluations),
        "entropy": None if attention is None else attention.mean[0],
        "parameters": system.model.parameters, "tokens_per_second": trained.tokens_per_second,
        "decoding_seconds": system.model.decoding_seconds, "memory": trained.memory,
        "words": mean(len(line.split()) for line in system.hypotheses),
        "signatures": [scores["bleu"].signature, system.model.signature], "hypotheses": system.hypotheses,
        "references": reference,
    }, ensure_ascii=False) + "\n")  # fmt: skip


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
