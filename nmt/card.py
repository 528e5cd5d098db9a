"""The model card: where a bundle's model comes from and how good it is, for programs (Card) and for people (readme)."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from nmt.escapes import visible

Text = Annotated[str, Field(pattern=r"^\P{Cc}*$")]
"""Without control characters, which could steer the terminal that shows them."""


class _Facts(BaseModel):
    """Facts of a later nmt that this one does not know are left aside."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True, protected_namespaces=(), extra="ignore")


class Vocabulary(_Facts):
    """Number of pieces."""

    source: int
    target: int


class Machine(_Facts):
    """Where the model was trained."""

    device: Text
    threads: int
    cores: int
    python: Text
    torch: Text
    platform: Text


class Data(_Facts):
    """The training text, cleaned."""

    pairs: int
    source_pieces: int
    target_pieces: int
    dev_pairs: int


class Training(_Facts):
    """The whole run, not only the part up to the best weights."""

    steps: int
    """Updates of the weights."""
    epochs: int
    """Complete passes over the data."""
    target_tokens: int
    """Trained on, end marks included, padding left out."""
    minutes: float
    """With evaluations, without preparing the data."""


class Score(_Facts):
    """A score and sacreBLEU's account of how it came about."""

    value: float
    signature: Text


class Finetuned(_Facts):
    """The model that this one goes on from."""

    name: Text
    """Of its folder."""
    checksum: Text
    """SHA-256 of its SHA256SUMS."""
    frozen: list[Text] = []
    """Parts that are still as they were there."""


class Dev(_Facts):
    """Scores on the development text of the weights in the bundle."""

    step: int
    loss: float
    """Negative log-likelihood a target token, in nats."""
    perplexity: float
    bleu: Score
    chrf: Score


class Survived(_Facts):
    """Translations that kept a span which the model never saw."""

    kept: int
    of: int


class Card(_Facts):
    """The content of card.json."""

    nmt: Text
    """Version that trained the model."""
    source_language: Text
    target_language: Text
    model: Text
    """gru, attention_rnn, transformer or ntm."""
    parameters: int
    vocabulary: Vocabulary
    tags: tuple[Text, ...] = ()
    """Of which one may stand before a source; no model of before has any."""
    tagged: bool = False
    """Whether one stood before each source that it was trained on, so that it knows no source without."""
    data: Data
    training: Training
    dev: Dev
    seed: int
    digest: Text
    """Names the settings."""
    precision: Text
    """Number format of the model's arithmetic in training."""
    machine: Machine
    survival: dict[Text, Survived] = {}
    """Kind of span -> how many came through (see nmt.evaluation.survival); measured at the end of `nmt train`."""
    finetuned: Finetuned | None = None
    """The model that this one goes on from; None when its weights began at random."""
    settings: dict[str, Any]
    """Sections `training`, `data.cleaning` and `data.augment` of the config, and the tags and weights of several
    training texts."""


def readme(card: Card) -> str:
    """The card as a page of Markdown."""
    source, target = card.source_language, card.target_language
    data, training, machine = card.data, card.training, card.machine
    origin = "" if card.finetuned is None else _origin(card.finetuned)
    sizes = " and ".join(f"{size:,}" for size in dict.fromkeys([card.vocabulary.source, card.vocabulary.target]))
    return visible(f"""# {source} → {target}, {card.model}

A translation model of {card.parameters:,} parameters with a vocabulary of {sizes} pieces, trained by nmt {card.nmt}.

    nmt translate --model . --input FILE.{source} --output FILE.{target}

or in Python: `Translator.load(".").translate(["..."])` with `from nmt import Translator`.
{_tags(card.tags)}
## How good it is

{_scores(card.dev)}{_survival(card.survival)}
The development text decided which weights to keep, so these scores flatter a little. Measure on text of your own:
`nmt eval --model . --source FILE.{source} --reference FILE.{target}`.

## What it was trained on

{data.pairs:,} sentence pairs: {data.source_pieces:,} source and {data.target_pieces:,} target pieces.
What these texts do not talk about, the model translates badly; what is wrong or unfair in them, it repeats. It can
leave words out or invent some: let somebody who knows both languages check what matters.

## How it was trained

{training.steps:,} updates in {training.minutes:,.1f} minutes, evaluations included: {training.epochs:,} complete passes
over the data, {training.target_tokens:,} target tokens. Seed {card.seed}, settings {card.digest}, see card.json.
Computed in {card.precision} on {machine.device} (threads: {machine.threads}) with torch {machine.torch}.
{origin}""")


def _origin(finetuned: Finetuned) -> str:
    """What it goes on from."""
    frozen = f" Frozen: {', '.join(finetuned.frozen)}." if finetuned.frozen else ""
    return f"""
It went on from the model `{finetuned.name}`, whose SHA256SUMS have the SHA-256
`{finetuned.checksum}`.{frozen}
"""


def _tags(tags: tuple[str, ...]) -> str:
    """How they are put before a source."""
    if not tags:
        return ""
    options = ", ".join(f"`--tag {tag}`" for tag in tags)
    return f"\nA tag before each source says what is wanted: {options}, or in Python `translate(lines, tag=...)`.\n"


def _scores(dev: Dev) -> str:
    """The development text's scores, with sacreBLEU's signatures."""
    return f"""On the development text, after update {dev.step:,}:

- BLEU {dev.bleu.value:.2f} `{dev.bleu.signature}`
- chrF {dev.chrf.value:.2f} `{dev.chrf.signature}`
- perplexity {dev.perplexity:.4g} a piece
"""


def _survival(rates: dict[str, Survived]) -> str:
    """How often unknown names and the like come through."""
    kinds = ", ".join(f"{kind} {rate.kept} of {rate.of}" for kind, rate in rates.items())
    return f"- spans that it never saw and that came through unchanged: {kinds}\n" if rates else ""
