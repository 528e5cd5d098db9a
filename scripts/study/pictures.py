"""Where the study's variants look: one sentence of the test set, its reference forced on all of them.

    python scripts/study/pictures.py docs/pictures/study

Draws a picture for each table of PICTURES, with the variants that are trained from seed 1: attention to the source, of
several heads and layers the mean.
"""

import argparse
from pathlib import Path

import findings
from kinds import TABLES, Variant

from nmt import Translator, files
from nmt.analysis import heatmap
from nmt.analysis.attention import Choice, Map, attend, maps, merged

SOURCE, TARGET = "A man cutting branches of trees.", "Ein Mann schneidet Äste von Bäumen."
PICTURES = {
    "scores": ("Attention RNN: scores", "additive"),
    "weightings": ("Attention RNN: weightings of the additive score", "softmax"),
    "scopes": ("Attention RNN: scopes", "global"),
    "heads": ("Transformer: heads", "4 heads"),
    "transformer": ("Transformer: scores and weightings", "scaled dot, softmax"),
}
"""By file: the table whose variants are shown, and what the first of them, the base, stands for there."""


def main(folder: Path) -> None:
    tables = {table.title: table for table in TABLES}
    folder.mkdir(parents=True, exist_ok=True)
    for name, (title, usual) in PICTURES.items():
        trained = [each for each in tables[title].variants if findings.facts_path(Path(), each, 1).exists()]
        if tables[title].variants[0] not in trained:
            print(f"no {name}.svg: {tables[title].variants[0].run(1)} is not finished")
            continue
        base, *others = trained
        row = [look(base, usual), *(look(each, each.name) for each in others)]
        content, missing = heatmap.draw([row], f"{SOURCE} → {TARGET}", format="svg")
        assert not missing, missing
        files.write_bytes(folder / f"{name}.svg", content)


def look(variant: Variant, name: str) -> Map:
    """What a variant's words look at in the source."""
    run = findings.facts_path(Path(), variant, 1).with_suffix("")
    translator = Translator.load(run, device="cpu", precision="float32", threads=1)
    ((one,),) = maps(merged(attend(translator, SOURCE, TARGET)).kinds["cross"], Choice())
    return one._replace(title=f"attention: {name}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path, help="where the pictures are written")
    main(parser.parse_args().folder)
