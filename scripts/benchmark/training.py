"""Training: real target tokens a second, from ids to new weights, of the same updates in the same order."""

import sys
from argparse import Namespace
from pathlib import Path

import report
from material import CLIP, LABEL_SMOOTHING, LR, Training, write_config, write_updates
from sizes import MODELS, TINY, Sizes, training_flops
from turns import Measured, System, chosen, interleave, limits_system, run_program

from nmt import config as settings

OF_TRANSFORMERS = {"transformers": ("float32", "bfloat16"), "joeynmt": ("float32",), "opennmt": ("float32",)}
"""Peers that train a Transformer, and in what."""
BASE = "plain torch float32"
USUAL = {"cpu": ["transformer", "attention_rnn", "gru"], "cuda": ["transformer", "base", "attention_rnn", "gru"]}


def measure(options: Namespace) -> tuple[str, dict[str, list[Measured]]]:
    """Tables for all models, and the turns behind them."""
    known = TINY if options.tiny else MODELS
    texts, turns = [], {}
    for name in options.model or USUAL[options.device]:
        folder = options.work / name
        text, turns[f"train {name}"] = _measure(name, known[name], folder, options)
        texts.append(text)
    return "\n\n".join(texts), turns


def _measure(name: str, sizes: Sizes, folder: Path, options: Namespace) -> tuple[str, list[Measured]]:
    base = settings.load(options.config)
    configs = {
        precision: write_config(
            folder, base, sizes, precision=precision, batch_tokens=options.batch_tokens, log_every=options.warmup
        )
        for precision in ("float32", "bfloat16")
    }
    training = write_updates(folder, settings.load(configs["float32"]))
    systems = _systems(sizes, configs, training, options)
    measured = interleave(
        chosen(systems, options.system), repeats=options.repeats,
        take=lambda system: run_program(system, folder=folder, limit=options.limit),
    )  # fmt: skip
    missing = [peer for peer in OF_TRANSFORMERS if peer not in options.peers and sizes["type"] == "transformer"]
    return _table(name, sizes, training, measured, missing), measured


def _systems(sizes: Sizes, configs: dict[str, Path], training: Training, options: Namespace) -> list[System]:
    job = {
        "threads": options.threads, "device": options.device, "seconds": options.seconds, "warmup": options.warmup,
        "updates": str(training.file), "vocabulary": training.vocabulary, "longest": training.longest,
        "model": sizes, "lr": LR, "clip": CLIP, "label_smoothing": LABEL_SMOOTHING,
    }  # fmt: skip
    recurrent = sizes["type"] != "transformer"
    plain = "torch_recurrent.py" if recurrent else "torch_transformer.py"
    systems = [limits_system(job, tiny=options.tiny)]
    for precision, config in configs.items():
        here = job | {"precision": precision, "config": str(config)}
        systems.append(System(f"nmt {precision}", sys.executable, "nmt_train.py", here))
        systems.append(System(f"plain torch {precision}", sys.executable, plain, here))
    for peer, precisions in OF_TRANSFORMERS.items():
        if peer in options.peers and not recurrent:
            systems += [
                System(f"{peer} {precision}", options.peers[peer], f"{peer}_train.py", job | {"precision": precision})
                for precision in precisions
            ]
    return systems


def _table(name: str, sizes: Sizes, training: Training, measured: list[Measured], missing: list[str]) -> str:
    limits, *others = measured
    flops = training_flops(sizes, training.vocabulary, source=training.source_ids, target=training.target_ids)
    base = next((each for each in others if each.system.name == BASE), None)
    rows = [
        [each.system.name, report.rate(each), report.ratio(each, base), report.share(each, limits, flops)]
        for each in sorted((each for each in others if each.turns), key=lambda each: -each.rate)
    ]
    header = ["training", "target tokens/s (median, range)", f"x {BASE}", "of the limit"]
    facts = (
        f"{name}: {', '.join(f'{key} {value}' for key, value in sizes.items() if key != 'type')}; "
        f"vocabulary {training.vocabulary:,}; {training.target_tokens:,.0f} real target tokens an update; "
        f"{flops / 1e6:,.1f} MFLOP a target token"
    )
    return report.section(f"Training: {name}", facts, report.limits(limits), report.table(header, rows),
                          report.faults(measured, missing))  # fmt: skip
