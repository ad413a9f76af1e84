"""Reads every view with pandas and Polars, logged in as the reader, and the exported files with pandas, Polars, DuckDB and
tbparse. No value is cast on the way. Ends with an AssertionError where one of them reads something else.

    read_everything.py READER_URL FOLDER    with the exports in FOLDER/csv, FOLDER/parquet and FOLDER/tensorboard
"""

import json
import sys
import warnings
from pathlib import Path

import adbc_driver_postgresql.dbapi as postgres
import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
from polars.testing import assert_frame_equal

warnings.filterwarnings("ignore", category=DeprecationWarning)
warnings.filterwarnings("ignore", message="pkg_resources")
from tbparse import SummaryReader  # noqa: E402

POLARS = {
    "text": pl.String,
    "bigint": pl.Int64,
    "double precision": pl.Float64,
    "boolean": pl.Boolean,
    "timestamp with time zone": pl.Datetime("us", "UTC"),
}
EXPORTED = {"results": "result", "trials": "trial", "metrics": "metric", "attempts": "attempt", "splits": "split", "decisions": "decision"}


def views(database) -> dict[str, dict[str, pl.DataType]]:
    """The columns of every view by their types in Postgres, from its own catalogue."""
    columns = pl.read_database(
        "select table_name::text as view, column_name::text as name, data_type::text as type"
        " from information_schema.columns where table_schema = 'batchsweep' order by 1, ordinal_position",
        database,
    )
    found = {}
    for view, name, kind in columns.iter_rows():
        found.setdefault(view, {})[name] = POLARS[kind]
    return found


def check_pandas_defaults(view: str, frame: pd.DataFrame, schema: dict[str, pl.DataType]):
    """What a plain read_sql gives is a number, a boolean, a time or a text, each as such."""
    for name, kind in schema.items():
        column = frame[name]
        if column.isna().all():
            continue
        fits = {
            pl.String: pd.api.types.is_string_dtype(column),
            pl.Int64: pd.api.types.is_numeric_dtype(column),
            pl.Float64: pd.api.types.is_float_dtype(column),
            pl.Boolean: column.dropna().isin([True, False]).all(),
        }.get(kind, isinstance(column.dtype, pd.DatetimeTZDtype))
        assert fits, f"pandas reads {view}.{name} as {column.dtype}"


def from_pandas(frame: pd.DataFrame) -> pl.DataFrame:
    """A frame of pandas's Arrow types, which know NULL in every type."""
    return pl.from_arrow(pa.Table.from_pandas(frame, preserve_index=False))


def ordered(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.sort(frame.columns, nulls_last=True)


def assert_equal(what: str, left: pl.DataFrame, right: pl.DataFrame):
    try:
        assert_frame_equal(ordered(left), ordered(right), check_exact=True)
    except AssertionError as error:
        raise AssertionError(f"{what}: {error}") from error


def read_views(database) -> dict[str, pl.DataFrame]:
    frames = {}
    for view, schema in views(database).items():
        sql = f'select * from batchsweep."{view}"'
        frame = pl.read_database(sql, database)
        assert dict(frame.schema) == schema, f"Polars reads {view} as {frame.schema}"
        assert_equal(view, from_pandas(pd.read_sql(sql, database, dtype_backend="pyarrow")), frame)
        check_pandas_defaults(view, pd.read_sql(sql, database), schema)
        frames[view] = frame
    return frames


def read_parquet(folder: Path, frames: dict[str, pl.DataFrame]):
    duckdb.sql("set TimeZone = 'UTC'")
    for name, view in EXPORTED.items():
        file = folder / f"{name}.parquet"
        assert_equal(f"Polars, {file.name}", pl.read_parquet(file), frames[view])
        in_pandas = from_pandas(pd.read_parquet(file, dtype_backend="pyarrow"))
        assert_equal(f"pandas, {file.name}", in_pandas, frames[view])
        in_duckdb = duckdb.sql(f"select * from read_parquet('{file}')").pl()
        assert_equal(f"DuckDB, {file.name}", in_duckdb, frames[view])


def read_csv(folder: Path, frames: dict[str, pl.DataFrame]):
    """CSV has no types: readers are told those of the views, and then read the same values."""
    for name, view in EXPORTED.items():
        file, frame = folder / f"{name}.csv", frames[view]
        assert_equal(f"Polars, {file.name}", pl.read_csv(file, schema_overrides=dict(frame.schema)), frame)
        kinds = {pl.String: "varchar", pl.Int64: "bigint", pl.Float64: "double", pl.Boolean: "boolean"}
        columns = {column: kinds.get(kind, "timestamptz") for column, kind in frame.schema.items()}
        in_duckdb = duckdb.sql(f"select * from read_csv('{file}', header = true, columns = {columns})").pl()
        assert_equal(f"DuckDB, {file.name}", in_duckdb, frame)
        # pandas finds the numbers without being told.
        in_pandas = pd.read_csv(file, float_precision="round_trip")
        assert list(in_pandas.columns) == frame.columns, file
        assert len(in_pandas) == len(frame), file
        for column in (column for column, kind in frame.schema.items() if kind == pl.Float64):
            expected = np.sort(frame[column].to_numpy().astype(float))
            np.testing.assert_array_equal(np.sort(in_pandas[column].to_numpy(dtype=float)), expected, file.name)


def read_tensorboard(folder: Path, frames: dict[str, pl.DataFrame]):
    scalars = pl.from_pandas(SummaryReader(str(folder), extra_columns={"dir_name"}).scalars, nan_to_null=False)
    run = pl.col("dir_name").str.slice(0, 5).cast(pl.Int64).alias("trial_index")
    read = scalars.select(run, pl.col("tag").alias("name"), "step", pl.col("value").cast(pl.Float32))
    trials = frames["trial"].select("trial_id", "trial_index")
    expected = frames["metric"].join(trials, on="trial_id")
    expected = expected.select("trial_index", "name", "step", pl.col("value").cast(pl.Float32).fill_null(np.nan))
    assert_equal("tbparse, curves", read, expected)
    for folder_of_run in sorted(path for path in folder.iterdir() if path.is_dir()):
        hparams = SummaryReader(str(folder_of_run)).hparams
        read = dict(zip(hparams["tag"], hparams["value"]))
        trial = frames["trial"].filter(pl.col("trial_index") == int(folder_of_run.name[:5]))
        assert read == json.loads(trial["parameters"][0]), folder_of_run.name


def main(url: str, folder: Path):
    with postgres.connect(url, autocommit=True) as database:
        frames = read_views(database)
    empty = sorted(view for view, frame in frames.items() if frame.is_empty())
    print(f"{len(frames)} views; without a row: {', '.join(empty) or 'none'}")
    read_parquet(folder / "parquet", frames)
    read_csv(folder / "csv", frames)
    read_tensorboard(folder / "tensorboard", frames)
    print(f"{len(EXPORTED)} tables as Parquet and CSV, {len(frames['trial'])} TensorBoard runs: read back equal")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
