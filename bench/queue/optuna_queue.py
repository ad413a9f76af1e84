"""Trials that train nothing, through Optuna's storage: `optuna_queue.py URL PROCESSES SECONDS` prints trials a second.

Each process asks for a trial with two parameters and tells its value, as a worker of Optuna does. The sampler is the one
that does least: it reads no earlier trial.
"""

import sys
import time
from multiprocessing import get_context
from urllib.parse import unquote, urlsplit

import optuna
from sqlalchemy import URL


def main():
    url, processes, seconds = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
    url = for_sqlalchemy(url)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    optuna.create_study(study_name="null", storage=url)
    context = get_context("spawn")
    start = context.Barrier(processes)
    with context.Pool(processes, initializer=keep, initargs=(start,)) as pool:
        rates = pool.starmap(work, [(url, seconds)] * processes, chunksize=1)
    print(sum(rates))


def for_sqlalchemy(url):
    """The same database: SQLAlchemy wants the driver named, and a socket's folder as a parameter."""
    parts = urlsplit(url)
    return URL.create(
        "postgresql+psycopg2",
        username=parts.username,
        password=parts.password,
        database=parts.path.strip("/"),
        port=parts.port,
        query={"host": unquote(parts.netloc.rpartition("@")[2].partition(":")[0])},
    ).render_as_string(hide_password=False)


def keep(barrier):
    global start
    start = barrier


def work(url, seconds):
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.load_study(
        study_name="null", storage=url, sampler=optuna.samplers.RandomSampler()
    )
    start.wait()
    done, begin = 0, time.perf_counter()
    while time.perf_counter() - begin < seconds:
        trial = study.ask()
        trial.suggest_categorical("batch_size", [32, 64])
        trial.suggest_float("learning_rate", 1e-4, 1e-1, log=True)
        study.tell(trial, 0.5)
        done += 1
    return done / (time.perf_counter() - begin)


if __name__ == "__main__":
    main()
