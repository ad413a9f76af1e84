"""Asks the real backends what every panel of the Grafana dashboard asks, as Grafana does, and ends with 1 when a question is
refused or a panel shows nothing.

    panels.py PROMETHEUS_URL PSQL...    PSQL: a command that runs the statement on its standard input as the reader
"""

import csv
import json
import math
import pathlib
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

DEPLOY = pathlib.Path(__file__).parents[2] / "deploy" / "grafana"


def main(prometheus, psql):
    """Each panel, and what is wrong with it."""
    sources = (DEPLOY / "provisioning" / "datasources" / "batchsweep.yml").read_text()
    wrong, asked = [], 0
    for path in sorted((DEPLOY / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel["targets"]:
                asked += 1
                source = target["datasource"]
                if f"uid: {source['uid']}\n    type: {source['type']}\n" not in sources:
                    wrong.append(f"{panel['title']}: no data source {source} is provisioned")
                elif source["type"] == "prometheus":
                    wrong += ask_prometheus(prometheus, panel["title"], target["expr"])
                else:
                    wrong += ask_postgres(psql, panel["title"], target["rawSql"])
    print("\n".join(wrong) or f"{asked} questions of the dashboard have answers", file=sys.stderr)
    return 1 if wrong or not asked else 0


def ask_prometheus(url, title, expression):
    """As a plot over the last minutes does: a range, with at least one number in it."""
    now = time.time()
    query = urllib.parse.urlencode({"query": expression, "start": now - 300, "end": now, "step": 15})
    try:
        with urllib.request.urlopen(f"{url}/api/v1/query_range?{query}", timeout=10) as answer:
            series = json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        return [f"{title}: {expression}: {error.read().decode()}"]
    values = [float(value) for one in series for _, value in one["values"]]
    return [] if any(map(math.isfinite, values)) else [f"{title}: {expression}: no number"]


def ask_postgres(psql, title, statement):
    """As a table does: named columns, and at least one row."""
    done = subprocess.run(psql, input=statement, capture_output=True, text=True, check=False)
    if done.returncode:
        return [f"{title}: {statement}: {done.stderr.strip()}"]
    rows = list(csv.reader(done.stdout.splitlines()))
    return [] if len(rows) > 1 and all(rows[0]) else [f"{title}: {statement}: no row"]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
