"""The boosted trees beside Python's LightGBM: the same rows, trees and leaves, two threads, in turns.

    python boost.py BOOST_BENCH [TRAIN [SCORE [ROUNDS]]]

Needs numpy, lightgbm and scikit-learn. Made-up customers (seed 7) with 47 skewed features of which a few matter; 300 trees
of 31 leaves, learning rate 0.05, 80 % of the rows and 70 % of the columns a tree.
"""

import os
import subprocess
import sys
import tempfile
import time

import lightgbm as lgb
import numpy as np
from sklearn.metrics import roc_auc_score

bench = sys.argv[1]
train, score, rounds = (int(a) for a in (sys.argv[2:5] + ["60000", "200000", "3"][len(sys.argv) - 2:]))
random = np.random.default_rng(7)
n, k = train + score, 47
x = np.exp(random.normal(size=(n, k)) * random.uniform(0.3, 1.5, k))
odds = np.log(x[:, 0]) - 0.8 * np.log(x[:, 1]) + 0.5 * (x[:, 2] > 1) * np.log(x[:, 3]) + 0.3 * np.sin(x[:, 4])
y = (random.random(n) < 1 / (1 + np.exp(-odds))).astype(float)
with tempfile.NamedTemporaryFile() as file:
    file.write(x.tobytes() + y.tobytes())
    file.flush()
    for _ in range(rounds):
        own = subprocess.run([bench, file.name, str(n), str(k), str(train)], capture_output=True, text=True, check=True,
                             env={**os.environ, "RAYON_NUM_THREADS": "2"})
        print("tenure  ", own.stdout.strip())
        start = time.time()
        model = lgb.train(
            dict(objective="binary", num_leaves=31, learning_rate=0.05, bagging_fraction=0.8, bagging_freq=1,
                 feature_fraction=0.7, min_data_in_leaf=50, lambda_l2=5.0, num_threads=2, verbosity=-1, seed=7),
            lgb.Dataset(x[:train], y[:train]), num_boost_round=300)
        trained = time.time() - start
        start = time.time()
        p = model.predict(x[train:], num_threads=2)
        print(f"lightgbm train {trained:.2f} score {time.time() - start:.2f} auc {roc_auc_score(y[train:], p):.4f}")
