"""The commands of the program gregor that are not the broker."""

import subprocess

from harness.broker import BINARY, REPORTS


def gregor(*arguments, cwd=None, status=0):
    """Runs `gregor COMMAND …` to its end, and looks at its exit status."""
    done = subprocess.run(
        [BINARY, *map(str, arguments)],
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert not REPORTS.search(done.stderr), done.stderr
    assert done.returncode == status, f"{arguments}: {done.returncode}\n{done.stderr}"
    return done
