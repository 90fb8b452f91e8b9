"""Allocation beside CP-SAT and HiGHS, on the same customers.

    python allocate.py ALLOCATE_BENCH N [SECONDS [PEER ...]]

Needs numpy, scipy and ortools. The customers (seed 7, lognormal 3.6 and 1.0; three offers, budget 2 N, at most N / 10 with
the dearest) are drawn here and handed to the example as a file of f64. PEER is of tenure, exact, cp-sat, highs-lp,
highs-milp (all); each peer may take SECONDS (60). Seconds are those of the solve, with building the model, without
making the numbers. CP-SAT rounds to cents.
"""

import subprocess
import sys
import tempfile
import time

import numpy as np

COST, RATE = np.array([10, 25, 50.0]), np.array([0.2, 0.4, 0.6])


def cp_sat(n, net, seconds):
    from ortools.sat.python import cp_model

    start = time.time()
    model = cp_model.CpModel()
    x = [[model.new_bool_var("") for _ in range(3)] for _ in range(n)]
    for row in x:
        model.add_at_most_one(row)
    model.add(sum(int(COST[k]) * x[i][k] for i in range(n) for k in range(3)) <= 2 * n)
    model.add(sum(x[i][2] for i in range(n)) <= n // 10)
    model.maximize(sum(int(round(100 * net[i, k])) * x[i][k] for i in range(n) for k in range(3)))
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 2
    solver.parameters.max_time_in_seconds = seconds
    status = solver.status_name(solver.solve(model))
    return solver.objective_value / 100, solver.best_objective_bound / 100, time.time() - start, status


def highs(n, net, seconds, whole):
    import scipy.sparse as sp
    from scipy.optimize import Bounds, LinearConstraint, linprog, milp

    start = time.time()
    places = sp.csr_matrix(np.tile([0, 0, 1.0], n))
    rows = sp.vstack([sp.kron(sp.eye(n), np.ones((1, 3))), sp.csr_matrix(np.tile(COST, n)), places]).tocsr()
    most = np.r_[np.ones(n), 2.0 * n, n // 10]
    if whole:
        options = {"time_limit": seconds, "mip_rel_gap": 1e-9}
        limits = LinearConstraint(rows, ub=most)
        found = milp(-net.ravel(), constraints=limits, integrality=np.ones(3 * n), bounds=Bounds(0, 1), options=options)
        bound = None if found.mip_dual_bound is None else -found.mip_dual_bound
    else:
        found = linprog(-net.ravel(), A_ub=rows, b_ub=most, bounds=(0, 1), method="highs", options={"time_limit": seconds})
        bound = None
    value = None if found.fun is None else -found.fun
    return value, value if bound is None else bound, time.time() - start, found.message.split(".")[0][:40]


def main():
    program, n = sys.argv[1], int(sys.argv[2])
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 60.0
    peers = sys.argv[4:] or ["tenure", "exact", "cp-sat", "highs-lp", "highs-milp"]
    loss = np.random.default_rng(7).lognormal(3.6, 1.0, n)
    net = loss[:, None] * RATE - COST
    with tempfile.NamedTemporaryFile(suffix=".f64") as file:
        loss.astype("<f8").tofile(file.name)
        for name, more in (("tenure", []), ("exact", ["exact:100000"])):
            if name in peers:
                found = subprocess.run([program, str(n), f"read:{file.name}", *more], check=True, capture_output=True)
                print(name, " ".join(found.stdout.decode().split()), flush=True)
    for name, solve in (
        ("cp-sat", lambda: cp_sat(n, net, seconds)),
        ("highs-lp", lambda: highs(n, net, seconds, False)),
        ("highs-milp", lambda: highs(n, net, seconds, True)),
    ):
        if name in peers:
            value, bound, took, status = solve()
            print(f"{name} customers {n} value {value} bound {bound} seconds {took:.2f} {status}", flush=True)


if __name__ == "__main__":
    main()
