"""Which words of translations are marked."""

from nmt.analysis.marking import Span, mark


def marked(spans: list[Span]) -> str:
    """*differs* and **alone**."""
    signs = {"": "", "differs": "*", "alone": "**"}
    words = ((span.text.rstrip(), signs[span.mark], " " * span.text.endswith(" ")) for span in spans)
    return "".join(f"{sign}{word}{sign}{blank}" for word, sign, blank in words)


def test_words_are_marked_that_the_reference_has_not():
    reference, (one, two, three) = mark(
        ["The big dog barks.", "The big cat sleeps.", "The dog barks"], ["The small dog barks loudly."]
    )
    assert marked(one) == "The *big* dog barks." and marked(two) == "The *big* **cat** **sleeps**."
    assert marked(three) == "The dog barks"
    assert marked(reference) == "The *small* dog barks *loudly*."


def test_a_word_in_another_place_differs():
    _, (one,) = mark(["in summer we swim"], ["we swim in summer"])
    assert marked(one) == "*in* *summer* we swim"


def test_any_of_several_references_counts():
    reference, (one, two) = mark(["a quick dog", "a dog"], ["a fast dog", "one quick hound"])
    assert marked(one) == "a quick dog" and marked(two) == "a dog" and marked(reference) == "a *fast* dog"


def test_text_without_blanks_is_marked_by_the_sign():
    reference, (one,) = mark(["我喜欢狗。"], ["我喜欢猫。"])
    assert marked(one) == "我喜欢*狗*。" and marked(reference) == "我喜欢*猫*。"


def test_nothing_is_lost_and_nothing_to_mark():
    text = "  I'm  here — “really”, e-mail: x@y.z (50%)!"
    _, (one, empty) = mark([text, ""], [text])
    assert "".join(span.text for span in one) == text.lstrip() and not any(span.mark for span in one) and empty == []
    assert mark(["so"], [""]) == ([], [[Span("so", "differs")]])
