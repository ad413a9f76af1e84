"""Compares two tables of results, as `results -o csv` writes them, and ends with 1 where they differ in more than what no two
runs have in common: ids, names of workers, times, and the order of trials.

    same_results.py ONE.csv OTHER.csv
"""

import csv
import sys

# Of the run, not of the training.
OF_THE_RUN = {
    "sweep_id", "trial_id", "device", "worker", "attempts", "train_seconds", "seconds_to_target", "examples_per_second",
    "started_at", "finished_at",
}


def table(path):
    """Rows by their place in the grid."""
    with open(path, newline="", encoding="utf-8") as file:
        return {row["trial_index"]: row for row in csv.DictReader(file)}


def main(one, other):
    """Every cell that differs, a line each."""
    one, other = table(one), table(other)
    differences = [
        f"trial {index}, {column}: {one.get(index, {}).get(column)} and {other.get(index, {}).get(column)}"
        for index in sorted(one.keys() | other.keys())
        for column in next(iter(one.values())).keys() - OF_THE_RUN
        if one.get(index, {}).get(column) != other.get(index, {}).get(column)
    ]
    print("\n".join(differences), end="", file=sys.stderr)
    return 1 if differences or not one else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
