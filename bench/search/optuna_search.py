"""Optuna's samplers on grids of finished trials: `optuna_search.py < GRIDS` prints one JSON object a line.

GRIDS is a list of grids, each a list of rows (batch sizes) of losses (learning rates), null where the trial diverged. Both
axes are given as whole numbers, in order, which is the most that either sampler can make of them. A diverged trial is given as
ten times the largest loss of its grid: infinity is refused.
"""

import json
import sys
import warnings

import optuna

SAMPLERS = [
    ("TPE", range(5), lambda seed: optuna.samplers.TPESampler(seed=seed)),
    ("GP", range(2), lambda seed: optuna.samplers.GPSampler(seed=seed)),
]
BUDGETS = [15, 30]


def main():
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.simplefilter("ignore")
    grids = json.load(sys.stdin)
    for name, seeds, sampler in SAMPLERS:
        regrets = {budget: [] for budget in BUDGETS}
        for index, grid in enumerate(grids):
            print(f"optuna: {name}, grid {index + 1} of {len(grids)}", file=sys.stderr)
            for seed in seeds:
                for budget, regret in search(grid, sampler(seed)).items():
                    regrets[budget].append(regret)
        for budget in BUDGETS:
            label = f"{name}, {len(seeds)} seeds"
            print(json.dumps({"sampler": label, "trials": budget, "regrets": regrets[budget]}))


def search(grid, sampler):
    """The regret after each budget."""
    finite = [loss for row in grid for loss in row if loss is not None]
    study = optuna.create_study(sampler=sampler)
    regrets = {}
    for trials in range(1, max(BUDGETS) + 1):
        trial = study.ask()
        row = trial.suggest_int("batch_size", 0, len(grid) - 1)
        loss = grid[row][trial.suggest_int("learning_rate", 0, len(grid[row]) - 1)]
        study.tell(trial, 10 * max(finite) if loss is None else loss)
        if trials in BUDGETS:
            regrets[trials] = study.best_value / min(finite) - 1
    return regrets


if __name__ == "__main__":
    main()
