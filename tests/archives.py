"""Archives as the sites of public corpora give them out, with little text."""

import io
import tarfile
import zipfile
from pathlib import Path

TRAIN = """<url>http://x</url>
<keywords>talks</keywords>
<title>{0} title</title>
<description>{0} description</description>
{1}"""
XML = '<doc><title>no</title>\n<seg id="1"> {0} &amp; one </seg>\n<seg id="2">{0} two</seg>\n</doc>\n'
COUNTED = {language: [f"{language} {number}" for number in range(46)] for language in ("de", "en")}


def iwslt(year: str, sentences: dict[str, list[str]] = COUNTED) -> dict[str, str]:
    """The texts of its archive by name: training sentences, and two in each other set."""
    texts = {}
    for language in ("de", "en"):
        lines = "".join(f"{sentence}\n" for sentence in sentences[language])
        texts[f"de-en/train.tags.de-en.{language}"] = TRAIN.format(language, lines)
        for name in ("TED.dev2010", "TEDX.dev2012", *(f"TED.tst{number}" for number in range(2010, 2016))):
            texts[f"de-en/IWSLT{year}.{name}.de-en.{language}.xml"] = XML.format(f"{language} {name}")
    return texts


def pack(path: Path, texts: dict[str, str]) -> Path:
    """An archive, zip or tar by its name's ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as archive:
            for name, text in texts.items():
                archive.writestr(name, text)
    else:
        with tarfile.open(path, "w:gz") as archive:
            for name, text in texts.items():
                member = tarfile.TarInfo(name)
                member.size = len(text.encode())
                archive.addfile(member, io.BytesIO(text.encode()))
    return path
