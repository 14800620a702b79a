"""Starts a stub engine and a server, gives the server something to tell of, and lets schemathesis ask.

Everything is in a directory of its own, and listens on loopback only.
"""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from example_allocations import TOKEN, URL, create_allocations

HERE = Path(__file__).parent

# How long all of it may take, in seconds.
TIMEOUT = 90


def main(options):
    program, stub = os.environ["DOCKET_PROGRAM"], os.environ["STUB_ENGINE"]
    with tempfile.TemporaryDirectory(prefix="docket-api-") as directory:
        home = Path(directory)
        (home / "token").write_text(TOKEN)
        engine = subprocess.Popen([stub, home / "engine.sock"], stdin=subprocess.PIPE)
        try:
            with open(home / "log", "w") as log:
                server = serve(program, home, log)
            try:
                url = announced(server, home / "log")
                os.environ[URL] = url
                create_allocations()
                return ask(url, home, options)
            finally:
                server.terminate()
                server.wait(timeout=30)
        finally:
            # The stub ends with its input.
            engine.stdin.close()
            engine.wait(timeout=30)


def serve(program, home, log):
    # Variables of whoever runs the tests must not reach the server.
    environment = {key: value for key, value in os.environ.items() if not key.startswith(("DOCKET_", "DOCKER_"))}
    environment["DOCKER_HOST"] = f"unix://{home}/engine.sock"
    options = ["--listen", "127.0.0.1:0", "--token-file", home / "token", "--time-zone", "Europe/Berlin"]
    options += ["--store", f"sqlite:{home}/docket.db"]
    return subprocess.Popen([program, "server", *options], env=environment, stderr=log, stdout=log)


def announced(server, log):
    """The address, once the server says it."""
    while server.poll() is None:
        found = re.search(r"listening on (http:\S+)", log.read_text())
        if found:
            return found[1]
    raise SystemExit(f"the server ended: {log.read_text()}")


def ask(url, home, options):
    schemathesis = Path(sys.executable).with_name("schemathesis")
    command = [schemathesis, "--config-file", HERE / "schemathesis.toml", "run", f"{url}/-/openapi.json"]
    command += ["--header", f"Authorization: Bearer {TOKEN}", *options]
    environment = {**os.environ, "SCHEMATHESIS_HOOKS": "schemathesis_hooks", "PYTHONPATH": str(HERE), "NO_COLOR": "1"}
    # Schemathesis and Hypothesis write what they learn to where they are started.
    try:
        return subprocess.run(command, cwd=home, env=environment, timeout=TIMEOUT).returncode
    except subprocess.TimeoutExpired:
        print(f"the API was not through after {TIMEOUT} s", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
