"""What a comparison shows, and in which order: sections of sentences, tables and plots.

Nothing is measured here and no form is chosen: Markdown and HTML are both written from these (markdown.py, html.py).
"""

from typing import NamedTuple, Union

from nmt.analysis import curves, tables
from nmt.analysis.curves import Plot
from nmt.analysis.report import Facts
from nmt.analysis.tables import Table
from nmt.evaluation.metrics import SIGNIFICANT

Block = Union[str, Table, list[Plot]]  # noqa: UP007 (a list of a class)
"""A paragraph, a table, or plots that stand beside each other."""


class Section(NamedTuple):
    """A heading and what stands below it."""

    title: str
    blocks: list[Block]


def title(facts: Facts) -> str:
    """What is compared, in one line."""
    names = [group.name for group in facts.groups]
    return " · ".join(names) if len(names) <= 6 else f"{len(names)} configurations"


def sections(facts: Facts, *, command: str) -> list[Section]:
    """The whole report: what there is to show of it. `command` is what made it."""
    everything = [
        Section("Quality and cost", _overview(facts)),
        Section("Learning", _learning(facts)),
        Section("Length", _length(facts)),
        Section("Cost", _cost(facts)),
        Section("Attention to the source", _attention(facts)),
        Section("Lines to look at", _worst(facts)),
        Section("Examples", _examples(facts)),
        Section("What else differs", _conditions(facts)),
        Section("Signatures", [tables.signatures(facts), f"Command: {command}"]),
    ]
    return [section for section in everything if section.blocks]


def _overview(facts: Facts) -> list[Block]:
    compared = facts.comparison
    references = "1 reference" if compared.references == 1 else f"{compared.references} references"
    blocks: list[Block] = [
        tables.summary(facts),
        f"{compared.sentences:,} sentences, {references}. ± is the 95% interval of the bootstrap. Training counts "
        "evaluations and leaves preparing the text out; tokens are target pieces, the median of the log. Memory is the "
        "peak of the whole process, libraries included. H / log S: 0 where all attention is on one piece of the "
        "source, 1 where it is even over all of them.",
        *_notes(facts),
        tables.checked(facts),
        "Kept are the numbers, placeholders (tags, URLs and e-mail addresses among them) and names of the source that "
        "the reference keeps. Repetitive lines repeat phrases that source and reference do not. Length: characters of "
        "the translations divided by those of the references.",
    ]
    if (beside := tables.against_first(facts)) is not None:
        tested = tables.pairs(facts.p_values["bleu"])
        blocks += [beside, *tables.significance(facts), (
            "p: how often two equally good systems would differ by as much on such a test set (paired bootstrap). "
            f"* below {SIGNIFICANT} divided by the number of pairs tested, {tested}. It says nothing about the "
            "training with another seed."
        )]  # fmt: skip
    if (means := tables.seeds(facts)) is not None:
        blocks += [means, "± is here the sample's standard deviation between runs that differ in their seed alone."]
    return blocks


def _notes(facts: Facts) -> list[Block]:
    """What is not equal, or not whole, before anybody concludes from the figures."""
    notes: list[Block] = [f"Note on {run.name}: {note}." for run in facts.runs for note in run.notes]
    notes += [f"Note: {note}." for note in facts.comparison.notes]
    notes += [
        f"Note on {system.name}: {note}."
        for system in facts.comparison.systems
        if system.model
        for note in [*system.model.split.notes(), *system.model.marks.notes()]
    ]
    differing = {each.name for each in facts.differences}
    if differing & {"tokenizer, SHA-256", "training pairs", "source pieces", "target pieces"}:
        notes.append("Note: text or pieces differ: compare no losses, and no tokens a second, across such runs.")
    if len({str(run.card["machine"]) for run in facts.runs}) > 1:
        notes.append("Note: machines or versions of the trainings differ: compare no minutes and no tokens a second.")
    return notes


def _conditions(facts: Facts) -> list[Block]:
    settings = tables.settings(facts)
    return [*([] if settings is None else [settings]), tables.budgets(facts)]


def _learning(facts: Facts) -> list[Block]:
    plots = curves.learning(facts)
    text = (
        "The training loss is the cross entropy, with label smoothing and dropout; losses on the development text are "
        "plain negative log-likelihoods. BLEU there is of training's own evaluations, see training.evaluate_beam and "
        "training.evaluate_sentences."
    )
    return [plots, text] if plots else []


def _length(facts: Facts) -> list[Block]:
    text = (
        "Fifths of the test set by the words of the source, as blanks separate them, the longest fifth halved. Compare "
        "the models within a row: BLEU of different sentences is not comparable."
    )
    return [[curves.lengths(facts)], tables.lengths(facts), text]


def _cost(facts: Facts) -> list[Block]:
    if not facts.decodings:
        return [curves.costs(facts)]
    turns, machine = len(facts.decodings[0].turns), facts.machine
    text = (
        "The whole test set, the models one after the other in each turn; a turn is a process of its own, whose "
        "loading is not counted and which translates some sentences before the clock runs. Shown is the median. Turns: "
        f"{turns}. Threads: {machine['threads']} of {machine['cores']} cores. {machine['device']}, "
        f"{machine['instructions']}, torch {machine['torch']}, {machine['platform']}."
    )
    return [curves.costs(facts), tables.decoding(facts), text]


def _attention(facts: Facts) -> list[Block]:
    plot = curves.entropies(facts)
    if plot is None:
        return []
    left_out = sum(each.left_out for each in facts.entropies if each)
    text = (
        "H = - Σ a log a over the pieces of the source, in nats, mean over all positions of the references, along "
        "which the models are forced; S is the number of pieces, the end mark included."
        + (f" {left_out:,} sentences were too long for their model." if left_out else "")
    )
    return [[plot], tables.entropies(facts), text]


def _worst(facts: Facts) -> list[Block]:
    text = (
        "For each run first the lines that fail a check, then others, the lowest chrF of the line first. Marked are "
        "words that the reference does not have, or not there."
    )
    shown = tables.worst(facts)
    return [text, *shown] if shown else []


def _examples(facts: Facts) -> list[Block]:
    text = (
        "Lines where one system is furthest ahead of another in chrF of the sentence, for every pair both ways round, "
        "and some drawn at random. Marked are words that the reference has not, or not there; marked strongly where no "
        "other system has them either. In the reference: words that no system has. The figures are chrF of the line."
    )
    return [text, *tables.examples(facts)]
