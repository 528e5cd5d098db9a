"""An exported model and CTranslate2 (Klein 2020), which runs it without torch, in threads that share its weights."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import local
from typing import Any

from nmt import packages, runtime
from nmt.bundle import Description
from nmt.config import SearchConfig
from nmt.decoding import ctranslate2_check, ctranslate2_search
from nmt.decoding.engine import Found, HeadChoice, Result, batches
from nmt.decoding.windows import Item
from nmt.errors import ConfigError, NMTError
from nmt.workers import threads_of


class CTranslate2Engine:
    """Every thread has a batch of its own, which is faster than a batch that all of them share."""

    explains, order = False, "left_to_right"

    def __init__(self, described: Description, *, device: str, precision: str, threads: int | None):
        """Raises CheckpointError for a damaged folder, NMTError where CTranslate2, device or precision are missing."""
        library, tokenizers = _imported(), described.tokenizers
        device = _choose_device(library, device)
        self._threads = threads_of(threads) if device == "cpu" else 1
        run = _load(library, described, device, precision, self._threads)
        source, target = (side.pieces(range(side.size)) for side in tokenizers)
        ids = {piece: number for number, piece in enumerate(target)}
        self.max_length = described.config.model.max_length
        self.name, self.precision = f"ctranslate2-{library.__version__}", run.compute_type
        self._model = ctranslate2_search.Model(run, source, target, ids, self.max_length)
        self._here = local()  # to a window's thread: the pool for its batches

    def search(
        self, sources: Sequence[list[int]], search: SearchConfig, *, attention: HeadChoice | None, details: bool
    ) -> list[Found]:
        """In batches of similar length. The details cost another pass.

        Raises ConfigError for what CTranslate2 cannot do.
        """
        _refuse(search, attention=attention)

        def work(batch: list[int]) -> list[Found]:
            chosen = [sources[number] for number in batch]
            found = ctranslate2_search.translate(self._model, chosen, search, details=details)
            return [Found(hypotheses, None) for hypotheses in found]

        lengths = [(len(ids), 0) for ids in sources]
        return self._share(work, batches(lengths, search.batch_tokens // search.beam))

    def score(
        self, sources: Sequence[list[int]], targets: Sequence[list[int]], *, batch_tokens: int
    ) -> list[list[float]]:
        """log p(y_t | y_<t, x) of each target's ids and, last, of its end mark."""

        def work(batch: list[int]) -> list[list[float]]:
            chosen = ([side[number] for number in batch] for side in (sources, targets))
            return ctranslate2_search.score(self._model, *chosen)

        lengths = [(len(source), len(target)) for source, target in zip(sources, targets, strict=True)]
        return self._share(work, batches(lengths, batch_tokens))

    def _share(self, work: Callable[[list[int]], list], batches: Iterable[list[int]]) -> list:
        """Among the threads of this window, or among some of our own where `each` has not made any."""
        pool = getattr(self._here, "pool", None)
        if pool is not None:
            return _in_threads(pool, work, batches)
        with ThreadPoolExecutor(self._threads) as pool:
            return _in_threads(pool, work, batches)

    def each(
        self, method: Callable[..., list[Result]], translator: Any, windows: Iterable[list[Item]], *,
        workers: int | None,
    ) -> Iterator[list[Result]]:  # fmt: skip
        """As many windows are under way as there are threads. No number of processes could be faster."""
        under_way, here = deque(), (self._here, "pool")
        with (
            ThreadPoolExecutor(self._threads) as for_batches,
            ThreadPoolExecutor(self._threads, initializer=setattr, initargs=(*here, for_batches)) as for_windows,
        ):
            try:
                for window in windows:
                    under_way.append(for_windows.submit(method, translator, window))
                    if len(under_way) > self._threads:
                        yield under_way.popleft().result()
                while under_way:
                    yield under_way.popleft().result()
            finally:  # where nobody wants the rest, wait for no more than the batches that have begun
                for pool in (for_windows, for_batches):
                    pool.shutdown(wait=False, cancel_futures=True)


def _load(library: Any, described: Description, device: str, precision: str, threads: int) -> Any:
    """A ctranslate2.Translator, once the files are known to be what its config asks for. `auto` computes as the model
    was exported."""
    folder = described.folder
    compute_type = "default" if precision == "auto" else precision
    if compute_type != "default" and compute_type not in library.get_supported_compute_types(device):
        raise NMTError(
            f"CTranslate2 {library.__version__} does not compute in {precision} here", hint="use --precision auto"
        )
    ctranslate2_check.check(folder, described.config.model, described.tokenizers)
    with ctranslate2_search.explained(f"{folder}: CTranslate2 {library.__version__} cannot load it"):
        return library.Translator(
            str(folder), device=device, inter_threads=threads, intra_threads=1, compute_type=compute_type
        )


def _in_threads(pool: ThreadPoolExecutor, work: Callable[[list[int]], list], batches: Iterable[list[int]]) -> list:
    """`work` on batches of places; the results in the order of the places."""
    jobs, found = [(batch, pool.submit(work, batch)) for batch in batches], {}
    for batch, job in jobs:
        found.update(zip(batch, job.result(), strict=True))
    return [found[number] for number in range(len(found))]


def _refuse(search: SearchConfig, *, attention: HeadChoice | None) -> None:
    if search.sample:
        raise ConfigError(
            "sample: CTranslate2 draws for all lines from one stream, so that no line's draw could be repeated",
            hint="sample from the run that the model was exported from",
        )
    if attention is not None:
        raise ConfigError(
            "attention: CTranslate2 gives that of one layer, and not the mean of all",
            hint="take the run that the model was exported from",
        )


def _imported():
    try:
        import ctranslate2
    except ImportError as error:
        hint = packages.install("ctranslate2")
        raise NMTError("this needs CTranslate2, which is not installed", hint=hint) from error
    return ctranslate2


def _choose_device(library: Any, name: str) -> str:
    name = runtime.resolve_auto(name)
    cards = library.get_cuda_device_count() if name in ("auto", "cuda") else 0
    if name not in ("auto", "cpu", "cuda") or (name == "cuda" and not cards):
        raise NMTError(f'CTranslate2 finds no device "{name}"', hint=runtime.OTHER_DEVICE)
    return "cuda" if cards else "cpu"
