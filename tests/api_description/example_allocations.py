"""What the server has, so that the names and runs of the document's examples are there to be found."""

import json
import os
import urllib.request

# The token of the document's example, so that signing in by the example succeeds.
TOKEN = "correct-horse-battery-staple"

# The variable that has the server's address.
URL = "DOCKET_API_URL"

# The allocation of the examples; its schedule has the instant of the examples.
REPORT = {
    "Name": "report",
    "Cron": "0 9 * * *",
    "TimeZone": "UTC",
    "Labels": {"team": "finance"},
    "Container": {"Config": {"Image": "busybox"}},
}

# Runs all the time, so that events come soon and a stream of them is soon read far enough.
HELLO = {"Name": "hello", "Cron": "* * * * * * *", "Container": {"Config": {"Image": "busybox"}}}


def create_allocations():
    """Pushes the allocations, and runs the one of the examples for their instant."""
    _post("/", [REPORT, HELLO])
    _post("/report/runs", {"At": "2026-11-21T09:00:00Z", "By": "ann"})


def _post(path, body):
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    request = urllib.request.Request(os.environ[URL] + path, json.dumps(body).encode(), headers)
    urllib.request.urlopen(request, timeout=30).close()
