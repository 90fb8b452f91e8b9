"""Optima of the thousand problems of crates/math/tests/allocate by HiGHS, for the test to be held against.

    cargo run --release -p tenure-math --example allocate_instances > instances.jsonl
    python allocate_exact.py instances.jsonl crates/math/tests/allocate/optima.csv [SECONDS]

Needs scipy. A line a problem: seed and optimum to the cent; empty where there is no plan, `?` where HiGHS did not prove an
optimum within SECONDS (60).
"""

import json
import sys
from multiprocessing import Pool

import numpy as np
import scipy.sparse as sp
from scipy.optimize import Bounds, LinearConstraint, milp

SECONDS = float(sys.argv[3]) if len(sys.argv) > 3 else 60.0


def optimum(line):
    problem = json.loads(line)
    n, offers, net = problem["customers"], problem["offers"], np.array(problem["net"])
    size = n * offers
    blocks, low, high = [sp.kron(sp.eye(n), np.ones((1, offers)))], [np.zeros(n)], [np.ones(n)]
    for row in problem["rows"]:
        index = np.array(row["index"], dtype=int)
        blocks.append(sp.csr_matrix((row["value"], (np.zeros(len(index), dtype=int), index)), shape=(1, size)))
        low.append([-np.inf if row["least"] is None else row["least"]])
        high.append([np.inf if row["most"] is None else row["most"]])
    rows = LinearConstraint(sp.vstack(blocks).tocsr(), np.concatenate(low), np.concatenate(high))
    options = {"time_limit": SECONDS, "mip_rel_gap": 0.0}
    found = milp(-net, constraints=rows, integrality=np.ones(size), bounds=Bounds(0, 1), options=options)
    if found.status == 2:
        return f"{problem['seed']},"
    if found.status != 0:
        return f"{problem['seed']},?"
    # The plan itself is added up: HiGHS rounds its objective.
    return f"{problem['seed']},{net[found.x > 0.5].sum():.2f}"


if __name__ == "__main__":
    with open(sys.argv[1]) as lines, Pool(2) as pool, open(sys.argv[2], "w") as out:
        print("seed,optimum", file=out)
        for line in pool.imap(optimum, lines, chunksize=4):
            print(line, file=out, flush=True)
