"""Makes a larger shop out of a real one: copies with customers and orders of their own.

    enlarge.py ONLINE_RETAIL_II.parquet COPIES OUT.csv

Each copy has every line of the source, with the customer id and the order number made distinct, so that the number of
customers, orders and lines grows while each customer's history stays a real one. Needs polars.
"""

import sys

import polars as pl

source, copies, out = sys.argv[1], int(sys.argv[2]), sys.argv[3]
lines = pl.read_parquet(source)
with open(out, "wb") as file:
    for copy in range(copies):
        mine = lines.with_columns(
            (pl.col("Customer ID") + 100_000 * (copy + 1)).alias("Customer ID"),
            # The letter in front of a cancellation stays in front.
            pl.col("Invoice").str.replace(r"(\d+)", f"${{1}}{copy:03d}").alias("Invoice"),
        )
        mine.write_csv(file, include_header=copy == 0, datetime_format="%Y-%m-%d %H:%M:%S")
