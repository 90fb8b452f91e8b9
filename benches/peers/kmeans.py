"""Times K-means of scikit-learn and of tenure on the same standardised customer measures, and compares the inertia.

kmeans.py KMEANS_EXAMPLE [--rows N ...] [--k K ...] [--pairs P] [--threads T]   (pip install scikit-learn)

KMEANS_EXAMPLE is the binary of `cargo build --release -p tenure-math --example kmeans`. The rows are drawn with a fixed
seed: five kinds of customers (one-off, occasional, regular, heavy, lapsed), for each of them recency, orders, revenue,
basket, gap between orders, tenure and products, most of them lognormal; counts and amounts are logged and every column
is standardised, as the segment stage does it. Both sides have 3 starts, 300 iterations, tolerance 1e-4 and the same
number of threads (2), and take turns; seconds are those of the fit alone. A pair is one run of each with the same seed.
The ratio is the median over the pairs of our seconds divided by theirs, so that a machine that is busy for a while is
busy for both.

scikit-learn's threads wait for each other in a loop, and lose far more than ours when others use the cores. On a busy
machine take `--threads 1` and read the ratio of processor seconds, which is nearly free of what others do.
"""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

THREADS = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv[:-1] else "2"
os.environ.update(OMP_NUM_THREADS=THREADS, OPENBLAS_NUM_THREADS=THREADS, RAYON_NUM_THREADS=THREADS)

import numpy  # noqa: E402  (the number of threads is settled before it is loaded)
import sklearn  # noqa: E402
from sklearn.cluster import KMeans  # noqa: E402

# Share, days since the last order, orders, money per order, days since the first order, spread of the logarithms.
KINDS = [(0.45, 160, 1, 35, 200, 0.9), (0.25, 70, 3, 45, 400, 0.7), (0.15, 25, 9, 55, 600, 0.6),
         (0.03, 9, 40, 160, 800, 0.8), (0.12, 420, 2, 40, 550, 0.5)]


def customers(n, seed=1):
    """n x 7 standardised measures of a made-up customer base, in random order."""
    draw = numpy.random.default_rng(seed)
    kind = draw.choice(len(KINDS), size=n, p=[k[0] for k in KINDS])
    recency, orders, money, tenure, spread = (numpy.array([k[i] for k in KINDS], float)[kind] for i in range(1, 6))

    def around(centre, width=1.0):
        return centre * numpy.exp(width * spread * draw.standard_normal(n))

    recency = numpy.floor(numpy.minimum(around(recency), 730))
    orders = 1 + draw.poisson(around(orders - 0.7))
    basket = around(money)
    revenue = orders * basket * numpy.exp(0.1 * draw.standard_normal(n))
    tenure = numpy.maximum(recency, numpy.floor(numpy.minimum(around(tenure, 0.5), 1500)))
    gap = (tenure - recency) / numpy.maximum(orders - 1, 1)
    products = 1 + draw.poisson(orders * around(numpy.full(n, 2.5), 0.5))
    columns = [numpy.log1p(recency), numpy.log1p(orders), numpy.log1p(revenue), numpy.log1p(basket), numpy.log1p(gap),
               tenure, numpy.log1p(products)]
    x = numpy.column_stack(columns)
    return numpy.ascontiguousarray((x - x.mean(0)) / x.std(0))


def theirs(x, k, seed):
    wall, cpu = time.perf_counter(), time.process_time()
    model = KMeans(n_clusters=k, n_init=3, random_state=seed).fit(x)
    return time.perf_counter() - wall, time.process_time() - cpu, model.inertia_ / len(x)


def ours(example, path, x, k, seed):
    command = [example, path, str(x.shape[1]), str(k), "3", str(seed)]
    found = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    return found["seconds"], found["cpu_seconds"], found["inertia"] / len(x)


def compare(example, path, x, k, pairs):
    theirs(x, k, 0), ours(example, path, x, k, 0)
    runs = []
    for seed in range(pairs):
        # Who goes first changes from pair to pair.
        if seed % 2:
            them, us = theirs(x, k, seed), ours(example, path, x, k, seed)
        else:
            us, them = ours(example, path, x, k, seed), theirs(x, k, seed)
        runs.append((us, them))
    middle = statistics.median
    cells = [f"{len(x):,}", str(k)]
    for clock in (0, 1):
        cells += [f"{middle(t[clock] for _, t in runs):.4f}", f"{middle(u[clock] for u, _ in runs):.4f}",
                  f"{middle(u[clock] / t[clock] for u, t in runs):.2f}"]
    for side in (1, 0):
        found = [run[side][2] for run in runs]
        cells.append(f"{statistics.mean(found):.6f} ({min(found):.6f} to {max(found):.6f})")
    print("| " + " | ".join(cells) + " |", flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("example")
    parser.add_argument("--rows", type=int, nargs="+", default=[4_000, 100_000, 1_000_000])
    parser.add_argument("--k", type=int, nargs="+", default=[5, 8])
    parser.add_argument("--pairs", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    print(f"scikit-learn {sklearn.__version__}, {options.threads} threads, load {os.getloadavg()[0]:.1f} on "
          f"{os.cpu_count()} cores; s: seconds, cpu: processor seconds, inertia: per row, mean (least to greatest)\n")
    print("| rows | K | scikit-learn s | tenure s | ratio | scikit-learn cpu | tenure cpu | ratio "
          "| scikit-learn inertia | tenure inertia |")
    print("|" + "--:|" * 10)
    for n in options.rows:
        x = customers(n)
        with tempfile.NamedTemporaryFile(suffix=".f64") as file:
            x.astype("<f8").tofile(file.name)
            for k in options.k:
                compare(options.example, file.name, x, k, options.pairs)


if __name__ == "__main__":
    main()
