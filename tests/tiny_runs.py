"""Two finished runs on a toy language, made in seconds: one model that learnt a little, one that learnt nothing."""

import random
from pathlib import Path

from nmt import config, train

WORDS = {
    "ein": "a", "der": "the", "hund": "dog", "mann": "man", "sieht": "sees", "mag": "likes", "rot": "red",
    "haus": "house", "baum": "tree", "klein": "small", "und": "and", "nie": "never",
}  # fmt: skip
CONFIG = """
data:
  source_language: de
  target_language: en
  train: {source: text.de, target: text.en}
  dev: {held_out: 20}
  test: {held_out: 30}
tokenizer: {vocabulary: 60, byte_fallback: false}
training: {batch_tokens: 600, lr: 5e-3, schedule: inverse_sqrt, warmup: 10}
search: {beam: 2}
"""
MODELS = {
    "learnt": "{type: transformer, width: 32, heads: 2, feed_forward: 64, encoder_layers: 1, decoder_layers: 1}",
    "fresh": "{type: gru, embedding: 16, hidden: 16}",
}
STEPS = {"learnt": 100, "fresh": 2}


def make(folder: Path) -> tuple[Path, Path]:
    """The two run folders, below `folder`, which also holds the text and the configs."""
    generator = random.Random(1)
    source = dict.fromkeys(" ".join(generator.choices(list(WORDS), k=generator.randint(2, 5))) for _ in range(400))
    target = [" ".join(WORDS[word] for word in line.split()) for line in source]
    for name, lines in (("text.de", source), ("text.en", target)):
        (folder / name).write_text("".join(f"{line}.\n" for line in lines), encoding="utf-8")
    runs = []
    for name, steps in STEPS.items():
        path = folder / f"{name}.yaml"
        path.write_text(f"run: runs/{name}\nmodel: {MODELS[name]}\n{CONFIG}", encoding="utf-8")
        runs.append(train(config.load(path, [f"training.steps={steps}", f"training.evaluate_every={steps}"])).folder)
    return tuple(runs)
