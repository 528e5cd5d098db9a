"""Our training as `nmt train` does it: data, updates, averages of the weights, log; timed between two lines of it."""

from time import perf_counter

import harness
import torch

from nmt import config as settings
from nmt import train
from nmt.training.events import Event, Progress


class Enough(Exception):
    """The seconds are over."""


def main() -> None:
    job = harness.read_job()
    torch.set_num_threads(job["threads"])
    marks: list[tuple[float, Progress]] = []

    def listen(event: Event) -> None:
        """A line of the log has waited for the device. The first one, after `warmup` updates, starts the clock."""
        if isinstance(event, Progress):
            marks.append((perf_counter(), event))
            if perf_counter() - marks[0][0] >= job["seconds"]:
                raise Enough

    try:
        train(settings.load(job["config"]), force=True, device=job["device"], on_event=listen)
    except Enough:
        (begin, first), (end, last) = marks[0], marks[-1]
        tokens, seconds, steps = last.target_tokens - first.target_tokens, end - begin, last.step - first.step
        harness.answer("nmtkit", tokens=tokens, updates=steps, seconds=seconds, rate=tokens / seconds, loss=last.loss)


if __name__ == "__main__":
    main()
