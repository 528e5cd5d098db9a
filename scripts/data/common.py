"""What the download scripts share: fetch a file once, check it, write text. Run the scripts with the installed nmt."""

import gzip
import shutil
import sys
import urllib.request
from collections.abc import Iterable
from http.client import HTTPException
from pathlib import Path
from types import ModuleType

from nmt import checksums, packages
from nmt.errors import DataError, NMTError
from nmt.files import replacing

ROOT = Path(__file__).resolve().parents[2] / "data"
# The server of the Tatoeba archives turns away Python's own name.
_AGENT = "Mozilla/5.0 (compatible; nmt data scripts)"


def download(url: str, path: Path, *, sha256: str | None = None) -> Path:
    """Fetch `url` to `path`; a file that is there already, and whole where a checksum tells, is kept.

    Raises DataError when the content is not the expected one; the damaged file is not kept.
    """
    if path.exists() and sha256 in (None, checksums.sha256(path)):
        print(f"{path}: is there", file=sys.stderr)
        return path
    print(f"{path}: from {url}", file=sys.stderr)
    request = urllib.request.Request(url, headers={"User-Agent": _AGENT})
    try:
        with urllib.request.urlopen(request, timeout=60) as answer, replacing(path, "wb") as file:
            shutil.copyfileobj(answer, file, length=1 << 20)
            told = int(answer.headers.get("Content-Length", file.tell()))  # with which reading compares nothing
            if file.tell() != told:
                raise DataError(f"{url}: {file.tell():,} of {told:,} bytes came", hint="try again")
            file.flush()
            if sha256 not in (None, found := checksums.sha256(Path(file.name))):
                raise DataError(f"{url}: the checksum is {found}, not {sha256}", hint="it was damaged or replaced")
    except (OSError, HTTPException) as error:
        raise DataError(f"{url}: {error}", hint=f"fetch it in another way and put it at {path}") from error
    return path


def write_lines(path: Path, lines: Iterable[str]) -> None:
    """Write one line each; a name that ends in .gz is compressed, the same bytes for the same lines."""
    text = "".join(f"{line}\n" for line in lines).encode()
    with replacing(path, "wb") as file:
        file.write(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)


def write_pairs(folder: Path, split: str, languages: tuple[str, str], pairs: list[tuple[str, str]]) -> None:
    """Write `split.de.gz` and `split.en.gz` (for de, en) and say how many pairs they hold."""
    for side, language in enumerate(languages):
        write_lines(folder / f"{split}.{language}.gz", (pair[side] for pair in pairs))
    print(f"{folder / split}: {len(pairs):,} pairs")


def moses() -> ModuleType:
    """Moses' rules for text, the package sacremoses; NMTError with a hint where it is missing."""
    try:
        import sacremoses
    except ImportError as error:
        raise NMTError("this script needs sacremoses", hint=packages.install("moses")) from error
    return sacremoses


def run(main) -> None:
    """Call `main`; a fault is one line and a hint, as in `nmt`."""
    try:
        main()
    except NMTError as error:
        sys.exit(f"error: {error.message}\nhint: {error.hint}")
    except OSError as error:
        sys.exit(f"error: {error.filename}: {error.strerror}\nhint: does the place exist, and has the disk room?")
    except KeyboardInterrupt:
        sys.exit(130)
