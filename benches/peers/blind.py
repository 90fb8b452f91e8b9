"""Scores a blind forecast against what happened afterwards.

blind.py RAW.parquet T SCORES.parquet [CHURN_DAYS VALUE_DAYS]   (pip install polars scikit-learn numpy)

RAW is Online Retail II as published. Everybody with a purchase (quantity and price above 0, no cancellation) before T
is judged: churned = no purchase in [T, T + CHURN_DAYS), value = gross spend in [T, T + VALUE_DAYS).
"""
import datetime as dt
import sys

import numpy as np
import polars as pl
from sklearn.metrics import roc_auc_score

raw, t, scores = sys.argv[1], dt.datetime.fromisoformat(sys.argv[2]), sys.argv[3]
churn_days, value_days = (int(a) for a in (sys.argv[4:6] or (90, 180)))
lines = pl.read_parquet(raw).unique(["Invoice", "StockCode", "Quantity", "InvoiceDate", "Price", "Customer ID"])
sales = lines.filter(
    pl.col("Customer ID").is_not_null(), pl.col("Price") > 0, pl.col("Quantity") > 0,
    ~pl.col("Invoice").str.starts_with("C"),
).select(customer_id=pl.col("Customer ID").cast(pl.Int64).cast(pl.Utf8), at="InvoiceDate",
         spend=pl.col("Quantity") * pl.col("Price"))
customers = sales.filter(pl.col("at") < t).select("customer_id").unique()
after = sales.filter(pl.col("at") >= t)
window = lambda days: after.filter(pl.col("at") < t + dt.timedelta(days=days)).group_by("customer_id").agg(
    pl.col("spend").sum().alias(f"spend_{days}"))
table = customers.join(pl.read_parquet(scores), on="customer_id", how="left")
for days in {churn_days, value_days}:
    table = table.join(window(days), on="customer_id", how="left")
missing = table["p_churn"].null_count()
churned = table[f"spend_{churn_days}"].is_null().to_numpy()
p = table["p_churn"].to_numpy()
value, mean, high = (table[c].fill_null(0).to_numpy() for c in (f"spend_{value_days}", "value_mean", "value_q90"))
bins = np.clip((p * 10).astype(int), 0, 9)
ece = sum(abs(churned[bins == b].mean() - p[bins == b].mean()) * (bins == b).mean() for b in np.unique(bins))
lorenz = lambda key: np.cumsum(value[np.argsort(-key, kind="stable")]) / value.sum()
line = np.arange(1, len(value) + 1) / len(value)
gini = (lorenz(mean) - line).mean() / (lorenz(value) - line).mean()
print(f"{t:%Y-%m-%d} n {len(table)} missing {missing} AUC {roc_auc_score(churned, p):.4f} ECE {ece:.4f} "
      f"R2 {1 - ((value - mean) ** 2).sum() / ((value - value.mean()) ** 2).sum():.4f} Gini {gini:.4f} "
      f"portfolio {mean.sum() / value.sum() - 1:+.4f} above q90 {(value > high).mean():.4f}")
