"""Times how long other libraries take to read files of transactions wholly into memory, and how much memory.

readers.py FILE [FILE ...]   (pip install pandas polars duckdb pyarrow openpyxl python-calamine fastexcel)

FILE is .csv, .csv.gz, .xlsx or .parquet in the form of Online Retail II. Every reader gives one table in which ids are
text and InvoiceDate is a timestamp; this is checked. Each reading has a fresh process, and the file is in the system's
cache before. Seconds are without starting Python and importing the library (what the library itself imports when it
reads, such as an Excel engine, does count); the peak of memory is with all of it.
"""
import json
import resource
import subprocess
import sys
import time

IDS = ["Invoice", "StockCode", "Customer ID"]
DATE = "InvoiceDate"
COLUMNS = {"Invoice", "StockCode", "Description", "Quantity", DATE, "Price", "Customer ID", "Country"}


def pandas_csv(pandas, path):
    return pandas.read_csv(path, dtype=dict.fromkeys(IDS, str), parse_dates=[DATE])


def pandas_excel(engine):
    def read(pandas, path):
        ids = dict.fromkeys(IDS, str)
        sheets = pandas.read_excel(path, sheet_name=None, dtype=ids, parse_dates=[DATE], engine=engine)
        return pandas.concat(sheets.values(), ignore_index=True)

    return read


def pandas_parquet(pandas, path):
    # Without a nullable backend, integers with gaps become floats, and an id 13085 the text 13085.0.
    frame = pandas.read_parquet(path, dtype_backend="numpy_nullable")
    return frame.astype(dict.fromkeys(IDS, "string"))


def polars_csv(polars, path):
    return polars.read_csv(path, schema_overrides=dict.fromkeys(IDS, polars.String), try_parse_dates=True)


def polars_excel(polars, path):
    ids = dict.fromkeys(IDS, polars.String)
    return polars.concat(polars.read_excel(path, sheet_id=0, engine="calamine", schema_overrides=ids).values())


def polars_parquet(polars, path):
    return polars.read_parquet(path).with_columns(polars.col(IDS).cast(polars.String))


def duckdb_csv(duckdb, path):
    types = dict.fromkeys(IDS, "VARCHAR") | {DATE: "TIMESTAMP"}
    duckdb.execute(f"CREATE TABLE lines AS FROM read_csv(?, types = {types})", [path])
    return duckdb.table("lines")


def duckdb_parquet(duckdb, path):
    texts = ", ".join(f'"{name}"::VARCHAR AS "{name}"' for name in IDS)
    duckdb.execute(f"CREATE TABLE lines AS SELECT * REPLACE ({texts}) FROM read_parquet(?)", [path])
    return duckdb.table("lines")


READERS = {
    "csv": {"pandas": pandas_csv, "polars": polars_csv, "duckdb": duckdb_csv},
    "xlsx": {"pandas openpyxl": pandas_excel("openpyxl"), "pandas calamine": pandas_excel("calamine"),
             "polars calamine": polars_excel},
    "parquet": {"pandas": pandas_parquet, "polars": polars_parquet, "duckdb": duckdb_parquet},
}


def form(path):
    return path.removesuffix(".gz").rsplit(".", 1)[-1].lower()


def check(table):
    """The number of rows of a table whose columns have the types that were asked for."""
    types = {name: str(kind).lower() for name, kind in zip(table.columns, table.dtypes)}
    assert set(types) == COLUMNS, f"the columns are {list(types)}"
    for name in IDS:
        assert types[name] in ("str", "string", "varchar"), f"{name} is {types[name]}"
    assert types[DATE].startswith(("datetime", "timestamp")), f"{DATE} is {types[DATE]}"
    return table.shape[0]


def child(path, name):
    """Reads a file in this process, and prints what it took as JSON."""
    library = __import__(name.split()[0])
    start = time.perf_counter()
    table = READERS[form(path)][name](library, path)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    label = f"{library.__name__} {library.__version__}{name[len(library.__name__):]}"
    print(json.dumps({"library": label, "rows": check(table), "seconds": seconds, "peak": peak}))


def warm(path):
    """Brings a file into the cache, in pieces: a child's peak counts from the size of its parent."""
    with open(path, "rb") as file:
        while file.read(1 << 20):
            pass


def main(paths):
    print("| file | reader | rows | seconds | rows per second | peak memory, MB |\n|---|---|--:|--:|--:|--:|")
    for path in paths:
        warm(path)
        for name in READERS[form(path)]:
            run = subprocess.run([sys.executable, __file__, "--child", path, name], capture_output=True, text=True)
            cells = [path.rsplit("/", 1)[-1], name]
            if run.returncode != 0:
                reason = (run.stderr.strip().splitlines() or [f"ended with {run.returncode}"])[-1]
                cells += ["failed: " + reason[:90].replace("|", "/"), "", "", ""]
            else:
                found = json.loads(run.stdout)
                cells[1] = found["library"]
                cells += [f"{found['rows']:,}", f"{found['seconds']:.2f}",
                          f"{found['rows'] / found['seconds']:,.0f}", f"{found['peak']:,.0f}"]
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        child(*sys.argv[2:])
    else:
        main(sys.argv[1:])
