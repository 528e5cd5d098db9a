"""Real processes in a tenth of a second: a server imports everything once and forks for each command. Linux only.

    forks = Forks()
    process = forks.start("train", "--config", "c.yaml")
    os.kill(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
"""

import importlib
import json
import os
import signal
import subprocess
import sys
import traceback
from pathlib import Path
from typing import NamedTuple


class Fork(NamedTuple):
    """A running command."""

    pid: int
    folder: Path
    server: "Forks"

    def wait(self) -> int:
        """Its exit code, or the negative number of the signal that killed it."""
        return self.server.ask({"wait": self.pid})["code"]

    @property
    def ended(self) -> bool:
        """Whether nothing of it is left but its exit code, for which `wait` asks."""
        status = Path(f"/proc/{self.pid}/stat").read_text(encoding="utf-8")
        return status.rpartition(")")[2].split()[0] == "Z"

    @property
    def changes(self) -> int:
        """How many changes of files it made before it ended by itself."""
        return int((self.folder / "changes.txt").read_text(encoding="utf-8"))

    @property
    def stderr(self) -> str:
        return (self.folder / "stderr.txt").read_text(encoding="utf-8")


class Forks:
    """The server's client."""

    def __init__(self, folder: Path):
        """`folder` is where the commands run and their output goes."""
        self.folder = folder
        here = Path(__file__).resolve()
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(here.parent), str(here.parent.parent)])}
        self._server = subprocess.Popen(
            [sys.executable, str(here)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=folder, env=environment
        )

    def start(
        self, *arguments: object, kill_at: int | None = None, number: int = signal.SIGKILL, below: Path | None = None
    ) -> Fork:
        """Start a command of nmt. It sends itself a signal at the change number `kill_at` of files below a folder."""
        given = {"arguments": list(map(str, arguments)), "kill_at": kill_at, "number": number}
        given["below"] = str(below or self.folder)
        return Fork(self.ask(given)["pid"], self.folder, self)

    def ask(self, request: dict) -> dict:
        self._server.stdin.write(json.dumps(request).encode() + b"\n")
        self._server.stdin.flush()
        return json.loads(self._server.stdout.readline())

    def close(self) -> None:
        self._server.stdin.close()
        self._server.stdout.close()
        self._server.wait()


EAGER = (
    "sacrebleu", "torch._dynamo", "numpy.random", "nmt.cli.app", "nmt.training", "nmt.models.gru",
    "nmt.models.attention_rnn", "nmt.models.transformer", "nmt.models.ntm",
)  # fmt: skip
"""What a training imports sooner or later, here before the fork."""


def serve() -> None:
    for name in EAGER:
        importlib.import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        if "wait" in request:
            _, status = os.waitpid(request["wait"], 0)
            answer = {"code": os.waitstatus_to_exitcode(status)}
        elif not (pid := os.fork()):
            _run(request)
        else:
            answer = {"pid": pid}
        print(json.dumps(answer), flush=True)


def _run(request: dict) -> None:
    code = 1
    try:
        for number, name, flags in ((0, os.devnull, os.O_RDONLY), (1, "stdout.txt", 0), (2, "stderr.txt", 0)):
            os.dup2(os.open(name, flags or os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: None)  # before and after the command nobody listens
        code = _main(request)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def _main(request: dict) -> int:
    from traps import Traps, trapped

    from nmt.cli.app import main

    sys.argv = ["nmt", *request["arguments"]]
    number = request["number"]
    kill = Traps(
        request["below"], at=request["kill_at"], spring=lambda path: os.kill(os.getpid(), number),
        returns=number != signal.SIGKILL,
    )  # fmt: skip
    code = 0
    try:
        with trapped(kill, removals=True):
            main()
    except SystemExit as end:
        code = end.code or 0
    Path("changes.txt").write_text(str(kill.count), encoding="utf-8")
    return code


if __name__ == "__main__":
    serve()
