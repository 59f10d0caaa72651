"""A real terminal for the tests: tmux draws it, types into it and takes it away."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
from servers import require, wait_for

SLOW_S = 40.0
"""What a test waits at most for what takes a moment on an idle machine."""


class Terminal:
    """A shell in a tmux server of its own."""

    def __init__(self, directory: Path, columns: int, rows: int, env: dict[str, str]) -> None:
        self._tmux = require("tmux")
        # Not below tmp_path: the path of a socket may have 107 bytes at most.
        self._home = Path(tempfile.mkdtemp(prefix="tmux-"))
        self._env = {**env, "ENV": "", "LC_ALL": "C.UTF-8"}
        self._start = ["-x", str(columns), "-y", str(rows), "-c", str(directory), "sh"]
        self._server: psutil.Process | None = None

    def start(self) -> None:
        """Start the server and its shell."""
        self._call("-f", "/dev/null", "new-session", "-d", *self._start)
        self._server = psutil.Process(int(self._call("display-message", "-p", "#{pid}")))
        self._call("set-option", "-g", "status", "off")
        self.shell = psutil.Process(int(self._call("display-message", "-p", "#{pane_pid}")))
        self.wait(re.compile("[#$]"))
        self.type("PS1='shell''> '", "Enter")

    def _call(self, *arguments: str) -> str:
        command = [self._tmux, "-S", str(self._home / "socket"), *arguments]
        done = subprocess.run(
            command,
            env=self._env,
            check=False,
            capture_output=True,
            encoding="utf-8",
            timeout=SLOW_S,
        )
        assert done.returncode == 0, (arguments, done.stderr)
        return done.stdout

    def text(self) -> str:
        """What stands on the terminal."""
        return self._call("capture-pane", "-p")

    def styled(self) -> str:
        """The same with the escape sequences of its colours."""
        return self._call("capture-pane", "-e", "-p")

    def lines(self) -> list[str]:
        """Its lines."""
        return self.text().splitlines()

    def ask(self, form: str) -> str:
        """What tmux knows of the pane."""
        return self._call("display-message", "-p", form).strip()

    def keys(self, *keys: str) -> None:
        """Press keys by tmux's names, all in one go."""
        self._call("send-keys", *keys)

    def type(self, text: str, *keys: str) -> None:
        """Type text as it is, and keys right behind it, all in one go."""
        command = ["send-keys", "-l", text]
        if keys:
            command += [";", "send-keys", *keys]
        self._call(*command)

    def resize(self, columns: int, rows: int) -> None:
        """Give the window another size."""
        self._call("resize-window", "-x", str(columns), "-y", str(rows))

    def take_clipboard(self) -> None:
        """Let programs set the clipboard by OSC 52, which tmux refuses by itself."""
        self._call("set-option", "-s", "set-clipboard", "on")

    def clipboard(self) -> str:
        """What a program has put into the clipboard."""
        return self._call("show-buffer")

    def wait(
        self, *wanted: str | re.Pattern[str], without: str = "", timeout: float = SLOW_S
    ) -> str:
        """Wait until all of it stands on the terminal, and `without` does not."""
        last = ""

        def there() -> bool:
            nonlocal last
            last = self.text()
            return all(
                one in last if isinstance(one, str) else one.search(last) for one in wanted
            ) and not (without and without in last)

        try:
            wait_for(there, timeout, f"{wanted} without {without!r}", every=0.05)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{last}") from None
        return last

    def run(self, *arguments: object) -> None:
        """Type the command line of perftui."""
        self.type(shlex.join([sys.executable, "-m", "perftui", *map(str, arguments)]), "Enter")

    def back(self) -> None:
        """Wait until the shell has its terminal again, and what it shows is what it had."""
        wait_for(lambda: not self.shell.children(), SLOW_S, "perftui to end")
        # The shell may have been asked for its prompt twice, when its terminal came back.
        self.wait(re.compile(r"^(shell>\s*)+\Z", re.MULTILINE), without="● LIVE")

    def perftui(self) -> psutil.Process:
        """The process of perftui."""
        found = wait_for(
            lambda: [child for child in self.shell.children() if "perftui" in child.cmdline()],
            SLOW_S,
            "perftui to be a process",
        )
        return found[0]

    def kill(self) -> None:
        """Take the terminal away, and everything in it."""
        self._call("kill-server")

    def end(self) -> None:
        """Kill what is left after a test, by pid."""
        left: list[psutil.Process] = []
        if self._server is not None:
            with suppress(psutil.Error):
                left = [*self._server.children(recursive=True), self._server]
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        shutil.rmtree(self._home, ignore_errors=True)


Open = Callable[..., Terminal]
