"""nmt info: what a model bundle is."""

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from nmt.cli import terminal
from nmt.cli.common import Machine, command


@command
def info(
    *,
    model: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder or a model bundle.", show_default=False)],
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    machine: Machine,
) -> None:
    """Show what a model is: size, languages, data, training, scores. Reading it also checks that it is whole."""
    from nmt import bundle
    from nmt.decoding.engine import open_engine

    def read():
        described = bundle.read(model)
        engine = open_engine(described, device=machine.device, threads=machine.threads)
        return described, engine, sum(each.stat().st_size for each in described.folder.iterdir())

    described, engine, size = bundle.unchanged(model, read)
    folder, config, card = described.folder, described.config, described.card
    if as_json:
        settings = config.model_dump(mode="json")
        here = {"engine": engine.name, "precision": engine.precision}
        facts = {"folder": str(folder), "bytes": size, **here, "config": settings, "card": card}
        terminal.result(json.dumps(facts, indent=2, ensure_ascii=False))
        return
    rows = [*_rows(config, card, size), ("here", f"translates with {engine.name} in {engine.precision}")]
    width = max(len(name) for name, _ in rows)
    terminal.result(f"{folder}")
    for name, text in rows:
        terminal.result(f"  {name:<{width}}  {text}")


def _rows(config, card: dict[str, Any], size: int) -> list[tuple[str, str]]:
    data, training, dev, machine = card["data"], card["training"], card["dev"], card["machine"]
    vocabulary, tokenizer, search, origin = card["vocabulary"], config.tokenizer, config.search, card["finetuned"]
    sources = config.sources
    pieces = f"{vocabulary['source']:,} pieces, shared"
    if not tokenizer.shared:
        pieces = f"{vocabulary['source']:,} source and {vocabulary['target']:,} target pieces"
    order = "" if config.target_order == "left_to_right" else ", written from right to left"
    architecture = config.model.model_dump(exclude={"type"})
    return [
        ("languages", f"{config.source_language} -> {config.target_language}{order}"),
        ("model", f"{config.model.type}, {card['parameters']:,} parameters, {size / 1e6:,.1f} MB"),
        ("", ", ".join(f"{name} {value}" for name, value in architecture.items() if value is not None)),
        ("vocabulary", f"{pieces} ({tokenizer.kind})"),
        ("normalisation", f"source {tokenizer.source_normalisation}, target {tokenizer.target_normalisation}"),
        *([("tags", ", ".join(card["tags"]))] if card["tags"] else []),
        ("data", f"{data['pairs']:,} training pairs, {data['source_pieces']:,} source and "
                 f"{data['target_pieces']:,} target pieces; {data['dev_pairs']:,} development pairs"),
        ("", f"99% of the sources have at most {sources.length:,} pieces, {sources.several:.1%} several sentences"),
        ("training", f"{training['steps']:,} updates, {training['epochs']:,} complete epochs, "
                     f"{training['target_tokens']:,} target tokens in {training['minutes']:,.1f} minutes"),
        ("", f"{card['precision']} on {machine['device']}, {machine['threads']} threads, torch {machine['torch']}"),
        ("dev scores", f"BLEU {dev['bleu']['value']:.2f}, chrF {dev['chrf']['value']:.2f}, "
                       f"perplexity {dev['perplexity']:.4g} after update {dev['step']:,}"),
        ("", f"BLEU {dev['bleu']['signature']}"),
        ("", f"chrF {dev['chrf']['signature']}"),
        *([("goes on from", f"{origin['name']} ({origin['checksum'][:12]})")] if origin else []),
        ("search", f"beam {search.beam}, length penalty {search.length_penalty:g}"),
        ("made by", f"nmt {card['nmt']}, seed {card['seed']}, settings {card['digest']}"),
    ]  # fmt: skip
