"""The grid of `npm run bench -- grid` again, in scikit-learn and NumPy: same items, same choices, obvious code (no part of the lab).

    npm run -s bench -- grid --features X.npy --labels y.csv --draws draws.json --json > rows.json
    python tests/bench/grid-reference.py --features X.npy --labels y.csv --draws draws.json --lab rows.json

Needs numpy, scipy, scikit-learn, threadpoolctl. BLAS is pinned to one thread: unpinned it is slower on such small problems.
Features are of unit length, in float64; every fit starts from zero. The seconds hold the sweeps, the fits and the test items.
L-BFGS stops short of the optimum of the linear probe (at small C the intercepts stay near zero), so validation may choose
another C than the lab's. --exact goes to the optimum: newton-cholesky in the coordinates of the span of the training items
(several times slower; it warns where rounding ends its line search).
"""
import argparse
import csv
import json
import time
from functools import partial

import numpy as np
from scipy.stats import t as student
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from threadpoolctl import threadpool_limits


def softmax(z):
    e = np.exp(z - z.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


def class_means(x, y):
    return np.stack([x[y == c].mean(0) for c in range(y.max() + 1)])


def judge(p, y):
    """(accuracy, log-loss) of probabilities, as a pair that is smaller the better; log-losses equal to 12 digits are equal."""
    loss = -np.log(np.maximum(p[np.arange(len(y)), y], 1e-15)).mean()
    return -(p.argmax(1) == y).mean(), float(f"{loss:.12g}")


def linear_probe(x, y, xv, yv, exact=False):
    fits = {}
    # An orthonormal basis of the span of the items, in which the optimum lies; without --exact the features as they are.
    basis = np.linalg.qr(x.T)[0] if exact else None
    solver = {"solver": "newton-cholesky", "tol": 1e-12} if exact else {"solver": "lbfgs", "tol": 1e-8}

    def inside(q):
        return q @ basis if exact else q

    def at(log):
        if log not in fits:
            model = LogisticRegression(C=10.0**log, max_iter=10000, **solver).fit(inside(x), y)
            fits[log] = (*judge(model.predict_proba(inside(xv)), yv), log) if len(yv) else None, model
        return fits[log][0]

    if len(yv) == 0:
        at(0)
        return {"C": 1.0}, lambda q: fits[0][1].predict_proba(inside(q))
    peak = min(range(-6, 7, 2), key=at)
    left, right = peak - 1, peak + 1
    for _ in range(8):
        middle = (left + right) / 2
        if at(left) <= at(right):
            right = middle
        else:
            left = middle
    log = min(fits, key=at)
    return {"C": 10.0**log}, lambda q: fits[log][1].predict_proba(inside(q))


def knn(x, y, xv, yv):
    def fit(k):
        return KNeighborsClassifier(k, metric="cosine", weights=lambda distance: np.exp((1 - distance) / 0.07)).fit(x, y)

    ks = [k for k in (1, 2, 4, 8, 16, 32) if k <= len(y)]
    k = min(ks, key=lambda k: (*judge(fit(k).predict_proba(xv), yv), k)) if len(yv) else 1
    return {"k": k}, fit(k).predict_proba


def nearest_mean(x, y, xv, yv):
    means = class_means(x, y)
    means /= np.linalg.norm(means, axis=1, keepdims=True)
    temperatures = 10 ** (-np.arange(25) / 8)
    T = min(temperatures, key=lambda T: judge(softmax(xv @ means.T / T), yv)[1]) if len(yv) else 0.01
    return {"T": float(T)}, lambda q: softmax(q @ means.T / T)


def discriminant(x, y, xv, yv):
    """Wang et al. 2024: P = d ((N-1) Cov + tr(Cov) I)^-1; with one shot the covariance is 0 and P = I."""
    means = class_means(x, y)
    n, d = x.shape
    covariance = (x - means[y]).T @ (x - means[y]) / (n - 1)
    trace = np.trace(covariance)
    P = d * np.linalg.inv((n - 1) * covariance + trace * np.eye(d)) if n > len(means) else np.eye(d)
    weights = means @ P
    bias = -np.log(len(means)) - (weights * means).sum(1) / 2
    return {}, lambda q: softmax(q @ weights.T + bias)


METHODS = {"nearest-mean": nearest_mean, "knn": knn, "linear-probe": linear_probe, "discriminant": discriminant}


def read():
    args = argparse.ArgumentParser()
    args.add_argument("--features", required=True)
    args.add_argument("--labels", required=True)
    args.add_argument("--draws", required=True, help="written by the bench: the items of every row")
    args.add_argument("--lab", help="rows to compare with: the bench's --json, or a report.json of the same features and protocol")
    args.add_argument("--exact", action="store_true", help="linear probes to their optimum")
    args = args.parse_args()
    with open(args.draws) as f:
        draws = json.load(f)
    with open(args.labels, newline="", encoding="utf-8-sig") as f:
        y = np.array([draws["classes"].index(r["label"]) if r["label"] else -1 for r in csv.DictReader(f)])
    X = np.load(args.features).astype(np.float64)
    lab = None
    if args.lab:
        with open(args.lab) as f:
            lab = {(r["method"], r["shots"], r["seed"]): r for r in json.load(f)["results"]}
    if args.exact:
        METHODS["linear-probe"] = partial(linear_probe, exact=True)
    return X / np.linalg.norm(X, axis=1, keepdims=True), y, draws, lab


def fit_all(X, y, draws):
    rows = {}
    test = np.array(draws["test"])
    for draw in draws["draws"]:
        train, held = np.array(draw["train"]), np.array(draw["validation"], dtype=int)
        for name, method in METHODS.items():
            start = time.perf_counter()
            choice, predict = method(X[train], y[train], X[held], y[held])
            seconds = time.perf_counter() - start
            accuracy = (predict(X[test]).argmax(1) == y[test]).mean()
            rows[name, draw["shots"], draw["seed"]] = {"accuracy": accuracy, "choice": choice, "seconds": seconds}
    return rows


def print_table(rows):
    shots = list(dict.fromkeys(s for _, s, _ in rows))
    print("shots".ljust(14) + "".join(str(s).rjust(15) for s in [*shots, "fit s"]))
    for name in METHODS:
        line = name.ljust(14)
        for s in shots:
            a = np.array([r["accuracy"] for (m, at, _), r in rows.items() if (m, at) == (name, s)]) * 100
            half = f" ± {student.ppf(0.975, len(a) - 1) * a.std(ddof=1) / len(a) ** 0.5:.2f}" if len(a) > 1 else ""
            line += f"{a.mean():.2f}{half}".rjust(15)
        print(line + f"{sum(r['seconds'] for (m, _, _), r in rows.items() if m == name):.3f}".rjust(15))


def compare(rows, lab):
    for name in METHODS:
        keys = [key for key in rows if key[0] == name and key in lab]
        other = [key for key in keys if any(not np.isclose(v, lab[key]["choice"][h], rtol=1e-9) for h, v in rows[key]["choice"].items())]
        off = {key: abs(rows[key]["accuracy"] - lab[key]["accuracy"]) for key in keys}
        same = max([off[key] for key in keys if key not in other], default=0)
        print(f"{name}: {len(keys)} rows; largest accuracy difference {max(off.values(), default=0):.4f}, {same:.4f} where the choice is the same; {len(other)} other choices")
        for key in keys:
            if off[key] > 1e-9 or key in other:
                print(f"  {key[1]} shots, seed {key[2]}: {rows[key]['accuracy']:.4f} {rows[key]['choice']}, the lab {lab[key]['accuracy']:.4f} {lab[key]['choice']}")


X, y, draws, lab = read()
with threadpool_limits(1):
    start, cpu = time.perf_counter(), time.process_time()
    rows = fit_all(X, y, draws)
    seconds, cpu = time.perf_counter() - start, time.process_time() - cpu
print_table(rows)
print(f"{len(rows)} rows in {seconds:.2f} s, 1 thread, {cpu:.2f} s of CPU time")
if lab:
    compare(rows, lab)
