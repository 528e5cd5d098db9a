"""The whole report of real tiny runs: the facts, the two pages, and what is written where."""

import json
import re
import shutil
from base64 import b64decode
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
import tiny_runs
from outcome import tree

import nmt
from nmt.analysis import cost, curves, html, markdown, report, sections, tables, written
from nmt.analysis.marking import Span
from nmt.analysis.runs import read
from nmt.errors import DataError, NMTError
from nmt.escapes import visible

COMMAND = "nmt compare runs/learnt runs/fresh --output 'my report'"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("compared")
    tiny_runs.make(folder)
    return folder


@pytest.fixture(scope="module")
def paths(place):
    return [place / "runs" / name for name in ("fresh", "learnt")]


@pytest.fixture(scope="module")
def facts(paths):
    return report.gather(paths, turns=0, threads=1)


@pytest.fixture(scope="module")
def one(paths, facts):
    """The facts of the second run alone, with turns of decoding."""
    turns = [cost.Decoding([cost.Turn(2.0, 4 * 10**8), cost.Turn(1.0, None), cost.Turn(4.0, 2 * 10**8)], 30)]
    return report.gather(paths[1:], turns=0, threads=1, beam=1)._replace(decodings=turns)


@pytest.fixture(scope="module")
def shown(facts):
    """The sections of both pages."""
    return sections.sections(facts, command=COMMAND)


@pytest.fixture(scope="module")
def folder(facts, tmp_path_factory):
    """The report as it is written."""
    folder = tmp_path_factory.mktemp("written") / "report"
    written.write(facts, folder, command=COMMAND)
    return folder


def test_the_facts_are_those_of_nmt_eval(paths, facts):
    expected = nmt.evaluate(paths, metric=["bleu", "chrf"], confidence=True, paired="bs")
    assert [column.scores for column in facts.comparison.columns] == [column.scores for column in expected.columns]
    for column in expected.columns:
        assert facts.p_values[column.key][0][1] == column.significance.p_values[1]
    assert [system.hypotheses for system in facts.comparison.systems] == [each.hypotheses for each in expected.systems]


def test_what_the_runs_are(facts):
    fresh, learnt = facts.runs
    assert (fresh.name, fresh.model, learnt.name, learnt.model) == ("fresh", "gru", "learnt", "transformer")
    assert learnt.notes == [] and [each.step for each in learnt.log.evaluations] == [100]
    assert learnt.log.evaluations[0].minutes * 60 == pytest.approx(learnt.log.progress[-1].minutes * 60)
    assert fresh.text == learnt.text and len(facts.groups) == 2
    assert {"training.steps", "model.width", "model.hidden"} < {each.name for each in facts.differences}


def test_only_a_model_with_attention_has_an_entropy(facts):
    fresh, learnt = facts.entropies
    assert fresh is None and learnt.left_out == 0
    assert len(learnt.share) == 1 and len(learnt.share[0]) == 2 and all(0 < share <= 1 for share in learnt.share[0])


def test_every_line_is_in_one_bucket_and_examples_are_lines(facts):
    assert sum(bucket.sentences for bucket in facts.buckets) == facts.comparison.sentences == 30
    assert all(0 <= each.line < 30 for each in facts.examples) and facts.examples[0].better is not None


def test_turns_of_decoding_in_processes_of_their_own(paths, facts):
    told = []
    where, lines = {"device": "cpu", "precision": "float32", "threads": 1}, facts.test.source
    (found,) = cost.in_turns(
        paths[1:], lines, turns=1, where=where, search={"beam": 1}, on_turn=lambda *which: told.append(which)
    )
    assert told == [(0, 0)] and found.sentences == 30 and found.turns[0].seconds > 0
    assert found.memory is None or found.memory > 5e7
    assert cost.in_turns(paths, lines, turns=0, where=where, search={}) == []


def test_the_median_of_the_turns_counts(one):
    (found,) = one.decodings
    assert (found.speed, found.range, found.memory) == (15.0, (7.5, 30.0), 3 * 10**8)


class Page(HTMLParser):
    """What a browser sees: elements that are closed in order, and what they ask for."""

    EMPTY = ("meta", "img")

    def __init__(self, text: str):
        super().__init__()
        self.open, self.tags, self.asked, self.text, self.pictures = [], [], [], [], []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        given = dict(attributes)
        assert not any(name.startswith("on") for name in given)
        if tag == "img":
            assert given["alt"]
            self.pictures.append(given["src"])
        else:
            self.asked += [value for name, value in given.items() if name in ("src", "href")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def test_the_page_is_whole_and_needs_nothing_beside_it(folder, facts):
    text = (folder / written.HTML).read_text(encoding="utf-8")
    page = Page(text)
    assert page.open == [] and page.asked == [] and not {"script", "link", "iframe", "object"} & set(page.tags)
    assert "url(" not in text and "@import" not in text
    assert len(page.pictures) == len(list((folder / written.PICTURES).iterdir())) == 10
    for picture in page.pictures:
        head, data = picture.split(",")
        assert head == "data:image/svg+xml;base64"
        assert not re.search(rb'(href|src)="(?!#)', b64decode(data))
        assert ElementTree.fromstring(b64decode(data)).tag.endswith("svg")
    words = "".join(page.text)
    assert COMMAND in words and "prefers-color-scheme: dark" in text and 'name="viewport"' in text
    for column in facts.comparison.columns:
        assert column.scores[0].signature in words
    assert all(system.model.signature in words for system in facts.comparison.systems)


def test_markdown_shows_the_same_with_its_pictures_beside_it(folder, facts, shown):
    text = (folder / written.MARKDOWN).read_text(encoding="utf-8")
    places = re.findall(r"!\[[^\]]+\]\(([^)]+)\)", text)
    assert len(places) == 10 and all((folder / place).is_file() for place in places)
    rows = [line for line in text.splitlines() if line.startswith("|")]
    summary = [re.split(r" *\| *", row)[1:-1] for row in rows[:4]]
    assert summary[0] == tables.summary(facts).head and len({len(row) for row in rows[:4]}) == 1
    assert summary[2][0] == "fresh" and summary[3][1].startswith(f"{facts.comparison.columns[0].scores[1].value:.2f} ±")
    assert text.count("\n## ") == len(shown)


def test_the_facts_are_there_for_programs_too(folder, facts):
    found = json.loads((folder / written.FACTS).read_text(encoding="utf-8"))
    assert found["runs"][1]["log"]["progress"][0]["step"] == facts.runs[1].log.progress[0].step
    assert found["comparison"]["columns"][0]["scores"][1]["value"] == facts.comparison.columns[0].scores[1].value


def test_a_report_takes_the_place_of_a_report_and_of_nothing_else(tmp_path, folder, facts):
    written.require(folder)
    written.require(tmp_path / "new" / "deep")
    before = tree(folder)
    written.write(facts, folder, command=COMMAND)
    assert tree(folder) == before, "the same facts give the same bytes"
    (tmp_path / "notes.txt").write_text("mine", encoding="utf-8")
    (tmp_path / "folder.html").mkdir()
    shutil.copytree(folder, tmp_path / "with a photo")
    (tmp_path / "with a photo" / written.PICTURES / "holiday.jpg").touch()
    (tmp_path / "photos" / written.PICTURES).mkdir(parents=True)
    strange = ("with a photo", "photos", "notes.txt", "folder.html")
    for taken in (tmp_path, *(tmp_path / name for name in strange)):
        with pytest.raises(NMTError):
            written.require(taken)


class Interrupting(dict):
    """Ctrl-C comes while the facts are written, after the page."""

    def items(self):
        raise KeyboardInterrupt


def test_what_is_interrupted_leaves_the_old_report(folder, facts):
    before = tree(folder)
    with pytest.raises(KeyboardInterrupt):
        written.write(facts._replace(machine=Interrupting(facts.machine)), folder, command="other")
    assert tree(folder) == before and [path.name for path in folder.parent.iterdir()] == [folder.name]


HOSTILE = (
    "<script>alert('1')</script> | *x* _y_ [z](http://w) `v` $u$ &amp; \x1b[2J \u202e <!-- \ud800 \ufffe\uffff **\n# t"
)


def test_sentences_are_shown_as_they_are(facts, tmp_path):
    systems = [each._replace(hypotheses=[HOSTILE] * 30) for each in facts.comparison.systems]
    runs = [run._replace(name="<b>$a_b$") for run in facts.runs]
    groups = [group._replace(name="_<b>$a_b$ 你\ufffe\x1b\ud800") for group in facts.groups]
    test = facts.test._replace(source=[HOSTILE] * 30)
    hostile = facts._replace(
        runs=runs, groups=groups, test=test, comparison=facts.comparison._replace(systems=systems)
    )
    written.write(hostile, tmp_path / "report", command=HOSTILE)
    page = Page((tmp_path / "report" / written.HTML).read_text(encoding="utf-8"))
    assert not {"script", "b"} & set(page.tags) and page.open == []
    assert "<script>alert('1')</script>" in "".join(page.text) and "\x1b" not in "".join(page.text)
    text = (tmp_path / "report" / written.MARKDOWN).read_text(encoding="utf-8")
    assert r"\<script>" in text and r"\| \*x* \_y\_ \[z" in text and not re.search(r"(?<!\\)<script", text)
    assert all(row.count("|") - row.count(r"\|") == 4 for row in text.splitlines() if row.startswith("| source"))
    for name in (written.MARKDOWN, written.HTML):
        written_text = (tmp_path / "report" / name).read_text(encoding="utf-8")
        assert visible(written_text) == written_text
    for path in (tmp_path / "report" / written.PICTURES).iterdir():
        ElementTree.parse(path)


def test_one_run_alone(one):
    shown = sections.sections(one, command="")
    assert [section.title for section in shown] == [
        "Quality and cost", "Learning", "Length", "Cost", "Attention to the source", "Lines to look at", "Examples",
        "What else differs", "Signatures",
    ]  # fmt: skip
    assert tables.against_first(one) is None and tables.settings(one) is None and tables.significance(one) == []
    text = html.page("one", shown)
    assert "15.0" in text and "7.5–30.0" in text and "300 MB" in text and Page(text).open == []


def test_seeds_are_shown_with_their_deviation(facts):
    first = facts.runs[0]
    twice = facts._replace(runs=[first, first], groups=[facts.groups[0]._replace(members=[0, 1])])
    table = tables.seeds(twice)
    bleu = [score.value for score in facts.comparison.columns[0].scores]
    mean, deviation = sum(bleu) / 2, abs(bleu[0] - bleu[1]) / 2**0.5
    assert table.rows[0][:3] == ["fresh", "2", f"{mean:.2f} ± {deviation:.2f}"]
    assert tables.seeds(facts) is None


def test_without_logs_and_attention_nothing_is_drawn_of_them(facts):
    bare = facts._replace(runs=[run._replace(log=None) for run in facts.runs], entropies=[None, None])
    assert sections._learning(bare) == sections._attention(bare) == []
    assert curves.learning(bare) == [] and curves.entropies(bare) is None
    bare = bare._replace(runs=[bare.runs[0], bare.runs[1]._replace(exported=True)])
    why = ["no attention, or no sentence that it takes whole", "exported: shows none"]
    assert [row[-1] for row in tables.entropies(bare).rows] == why
    fresh = facts.runs[0]
    half = facts._replace(runs=[fresh._replace(log=fresh.log._replace(evaluations=[])), facts.runs[1]])
    assert len(curves.learning(half)) == 6


def test_what_is_not_equal_is_said(facts, shown):
    fresh, learnt = facts.runs
    other = learnt._replace(card={**learnt.card, "machine": {**learnt.card["machine"], "threads": 64}})
    differing = [*facts.differences, facts.differences[0]._replace(name="tokenizer, SHA-256")]
    unlike = facts._replace(runs=[fresh._replace(notes=["half done"]), other], differences=differing)
    told = sections._notes(unlike)
    assert "Note on fresh: half done." in told and any("text or pieces differ" in each for each in told)
    assert any("machines or versions" in each for each in told)
    notes = [block for block in shown[0].blocks if isinstance(block, str) and block.startswith("Note: ")]
    assert notes == [f"Note: {note}." for note in facts.comparison.notes], "on what the models write, and no others"


def test_a_table_that_people_read_as_it_is():
    table = tables.Table("a_b", ["", "x*y"], [["attention_rnn", "0.01*"], ["<b>", "2"]])
    assert markdown.table(table).splitlines() == [
        "**a_b**", "", "|               |  x\\*y |", "| ------------- | ----: |", "| attention_rnn | 0.01* |",
        "| \\<b>          |     2 |",
    ]  # fmt: skip


def test_marks_hold_beside_letters_and_signs():
    spans = [Span("sits"), Span(", ", "alone"), Span("a<b ", "differs"), Span("alone", "alone"), Span("?", "differs")]
    shown = markdown.table(tables.Table("", ["", "text"], [["one", spans]], sentences=True)).splitlines()[-1]
    assert shown == "| one | sits<b>,</b> <i>a\\<b</i> <b>alone</b><i>?</i> |"


def copied(run: Path, place: Path, change) -> Path:
    """A run with the same model and another config."""
    for path in (run / "model").iterdir():
        (place / "model").mkdir(parents=True, exist_ok=True)
        (place / "model" / path.name).write_bytes(path.read_bytes())
    (place / "log.jsonl").write_bytes((run / "log.jsonl").read_bytes())
    (place / "config.yaml").write_text(change((run / "config.yaml").read_text(encoding="utf-8")), encoding="utf-8")
    return place


def test_runs_must_agree_on_their_test_text(place, paths, tmp_path):
    other = copied(paths[0], tmp_path / "other", lambda text: text.replace("held_out: 30", "held_out: 20"))
    with pytest.raises(DataError, match="name different test text") as caught:
        report.gather([paths[1], other], on_note=pytest.fail)
    assert "--source" in caught.value.hint
    with pytest.raises(DataError, match="a model bundle names no test text"):
        report.gather([path / "model" for path in paths])
    with pytest.raises(DataError, match="--source is half of a test set"):
        report.gather(paths, source=place / "text.de")
    with pytest.raises(NMTError, match="nothing to compare"):
        report.gather([])


def test_runs_with_a_tag_and_without_have_one_test_text(place, paths, tmp_path):
    def tagged(tag: str) -> Path:
        files = f"source: {place / 'text.de'}\n    target: {place / 'text.en'}"
        return copied(
            paths[0], tmp_path / tag,
            lambda text: text.replace("held_out: 30", files).replace("tag: null", f"tag: {tag}"),
        )  # fmt: skip

    plain, news, other = map(tagged, ("null", "news", "other"))
    for runs in ([plain, news], [news, plain]):
        test, named = report._test(read(runs), None, [], None)
        assert test.tag == "news" and named == news / "config.yaml"
    with pytest.raises(DataError, match="name different test text"):
        report._test(read([plain, news, other]), None, [], None)


def test_a_bundle_beside_a_run_takes_the_text_of_the_run(paths, facts):
    found = report.gather([paths[0] / "model", paths[1]], turns=0, threads=1)
    assert found.test == facts.test and found.runs[0].log is None
    assert [each.hypotheses for each in found.comparison.systems] == [
        each.hypotheses for each in facts.comparison.systems
    ]


def test_reading_runs_needs_no_test_text(paths):
    assert [run.path for run in read(paths)] == paths
