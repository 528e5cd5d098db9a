"""The page is one file that needs no other, holds the weights, shows text as text, and works in a browser."""

import html
import json
import re
import shutil
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest
import tiny_bundle

from nmt import Translator
from nmt.analysis import contexts
from nmt.analysis.attention import Choice, attend, merged
from nmt.analysis.page import as_page

SOURCE = "</script><script>alert(1)</script> {{data}} {{title}} & 漢字 \x1b man"
TITLE = "<script>alert(2)</script> {{data}}"


class Reader(HTMLParser):
    """Every tag with its attributes, and what each script holds."""

    def __init__(self):
        super().__init__()
        self.tags, self.scripts = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data):
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    translator = Translator.load(
        tiny_bundle.save(tmp_path_factory.mktemp("bundle") / "model", encoder_layers=2), device="cpu"
    )
    return [attend(translator, SOURCE, "Ein Mann."), attend(translator, "A man", "x")]


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    return reader


def test_it_holds_the_weights(found):
    reader = read(as_page(found, title=TITLE, kind="encoder", choice=Choice(2, 1), words=True))
    data = json.loads(reader.scripts[0])
    assert data["choice"] == {"kind": "encoder", "layer": 1, "head": 0, "unit": "words"} and data["contexts"] is None
    for attended, sentence in zip(found, data["sentences"], strict=True):
        assert sentence["place"] is None
        for unit, facts in (("pieces", attended), ("words", merged(attended))):
            assert list(sentence[unit]) == list(facts.kinds)
            for name, kind in facts.kinds.items():
                shown = sentence[unit][name]
                for part in ("weights", "rollout"):
                    scaled = getattr(kind, part) * data["scale"]
                    assert np.array(shown[part]) == pytest.approx(scaled, abs=0.51)
                assert (len(shown["queries"]), len(shown["keys"])) == kind.weights.shape[2:]
    assert data["sentences"][1]["words"]["cross"]["keys"] == ["A", "man", "</s>"]


@pytest.mark.parametrize(
    ("choice", "layer", "head"), [(Choice(), "mean", "mean"), (Choice(rollout=True), "rollout", "mean")]
)
def test_what_it_shows_first(found, choice, layer, head):
    page = as_page(found, title="t", kind="cross", choice=choice, words=False)
    assert json.loads(read(page).scripts[0])["choice"] == {
        "kind": "cross", "layer": layer, "head": head, "unit": "pieces",
    }  # fmt: skip


def test_contexts_name_their_word(found):
    compared = contexts.compare(found, "man", Choice())
    page = as_page(found, title="t", kind="encoder", choice=Choice(), words=False, contexts=compared)
    data = json.loads(read(page).scripts[0])
    assert data["contexts"] == {"side": "source", "unit": "words"}
    for sentence in data["sentences"]:
        assert sentence["words"]["encoder"]["queries"][sentence["place"]] == "man"


def test_it_needs_nothing_else_and_runs_nothing_of_the_text(found):
    page = as_page(found, title=TITLE, kind="cross", choice=Choice(), words=False)
    reader = read(page)
    assert [tag for tag, _ in reader.tags].count("script") == 2
    assert not {"link", "img", "iframe", "object", "embed", "base"} & {tag for tag, _ in reader.tags}
    for _, attributes in reader.tags:
        assert not {"src", "href", "srcset", "action"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
    assert not re.search(r"https?:|//[\w.]|url\(|@import|fetch\(|import\(|XMLHttp|innerHTML|eval\(", reader.scripts[1])
    assert "http" not in re.sub(r'http-equiv="Content-Security-Policy"', "", page)
    assert f"<title>{html.escape(TITLE)}</title>" in page and "\x1b" not in page
    (policy,) = [attributes["content"] for tag, attributes in reader.tags if "http-equiv" in attributes]
    assert policy.startswith("default-src 'none'")


@pytest.mark.skipif(not shutil.which("node"), reason="no node to read the script")
def test_its_script_is_a_script(found, tmp_path):
    script = tmp_path / "page.js"
    script.write_text(read(as_page(found, title="t", kind="cross", choice=Choice(), words=False)).scripts[1], "utf-8")
    subprocess.run(["node", "--check", str(script)], check=True, timeout=60)


BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
ACTS = """<script>
const hover = (row, place) =>
  document.querySelectorAll(".tokens")[row].children[place].dispatchEvent(new MouseEvent("mouseenter"));
const says = () => document.querySelector(".says").textContent;
const told = [];
hover(1, 1); told.push(says());  // of the translation
told.push([...document.querySelectorAll(".tokens")[0].children].map(each => each.style.getPropertyValue("--weight")));
hover(0, 0); told.push(says());  // of the source
document.querySelectorAll(".head")[1].click();
told.push(document.getElementById("layer").value + " " + document.getElementById("head").value);
const found = document.createElement("pre");
found.id = "told";
found.textContent = JSON.stringify(told);
document.body.append(found);
</script>"""


@pytest.mark.skipif(not BROWSER, reason="no browser")
def test_pointing_in_a_browser(found, tmp_path):
    page = as_page(found[1:], title="t", kind="cross", choice=Choice(), words=True)
    (tmp_path / "page.html").write_text(page.replace("</body>", ACTS + "</body>"), encoding="utf-8")
    command = [BROWSER, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", (tmp_path / "page.html").as_uri()]
    dom = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=120, check=True).stdout
    looks, shares, looked_at, chosen = json.loads(html.unescape(re.search(r'<pre id="told">(.*?)</pre>', dom, re.S)[1]))
    weights = merged(found[1]).kinds["cross"].weights.mean((0, 1))
    assert looks.startswith("</s> looks at ") and looked_at.startswith("A is looked at by ")
    assert [float(each) for each in shares] == pytest.approx(weights[1] / weights[1].max(), abs=2e-3)
    assert chosen == "0 1"
