"""scikit-learn's time and accuracy on the fits of `npm run bench -- probe`, for comparison only (no part of the lab).

    npm run bench -- probe --features X.npy --labels y.csv --draws draws.json --json
    python tests/bench/probe-reference.py --features X.npy --labels y.csv --draws draws.json

Needs numpy, scikit-learn, threadpoolctl. BLAS is pinned to one thread: unpinned it is slower on such small problems.
LogisticRegression at tol 1e-8, features as they are in the file (float32), each fit from zero, as anyone would write it. For each C it also prints how
far the stopped solution is from the optimum: at C <= 1e-2 L-BFGS may stop with the intercepts still near zero.
"""
import argparse
import csv
import json
import time

import numpy as np
from sklearn.linear_model import LogisticRegression
from threadpoolctl import threadpool_limits

args = argparse.ArgumentParser()
args.add_argument("--features", required=True)
args.add_argument("--labels", required=True)
args.add_argument("--draws", required=True, help="written by the bench: the training items of every fit")
args.add_argument("--float64", action="store_true", help="widen the features first")
args = args.parse_args()

X = np.load(args.features).astype(np.float32)
with open(args.labels, newline="", encoding="utf-8-sig") as f:
    rows = list(csv.DictReader(f))
classes = sorted({r["label"] for r in rows if r["label"]})
y = np.array([classes.index(r["label"]) if r["label"] else -1 for r in rows])
test = np.array([r["split"] == "test" and r["label"] != "" for r in rows])
with open(args.draws) as f:
    draws = json.load(f)
if draws["normalise"]:
    X /= np.linalg.norm(X, axis=1, keepdims=True)
if args.float64:
    X = X.astype(np.float64)


def gradient(model, x, labels, C):
    """Largest entries of the gradient of C * sum CE + 0.5 |W|^2, for the weights and for the intercepts."""
    z = x @ model.coef_.T.astype(np.float64) + model.intercept_
    p = np.exp(z - z.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    e = p - np.eye(len(model.classes_))[labels]
    return np.abs(C * e.T @ x + model.coef_).max(), np.abs(C * e.sum(0)).max()


seconds = scoring = 0.0
per_c = {C: [] for C in draws["strengths"]}
worst = {C: (0.0, 0.0) for C in draws["strengths"]}
with threadpool_limits(1):
    for draw in draws["draws"]:
        x, labels = X[draw["train"]], y[draw["train"]]
        for C in draws["strengths"]:
            start = time.perf_counter()
            model = LogisticRegression(C=C, tol=1e-8, max_iter=10000).fit(x, labels)
            seconds += time.perf_counter() - start
            start = time.perf_counter()
            per_c[C].append(float((model.predict(X[test]) == y[test]).mean()))
            scoring += time.perf_counter() - start
            if len(model.classes_) > 2:
                g = gradient(model, x.astype(np.float64), labels, C)
                size = float(np.abs(model.coef_).max())
                worst[C] = (max(worst[C][0], g[0] / size), max(worst[C][1], g[1] / size / min(1, C * len(labels) / len(classes))))

for C in draws["strengths"]:
    print(f"  C {C:g}: {100 * np.mean(per_c[C]):.2f} %, gradient left: weights {worst[C][0]:.1e}, intercepts {worst[C][1]:.1e} (relative to the largest weight)")
accuracy = float(np.mean([a for values in per_c.values() for a in values]))
print(json.dumps({"fits": sum(map(len, per_c.values())), "seconds": seconds, "scoringSeconds": scoring, "meanAccuracy": accuracy}))
