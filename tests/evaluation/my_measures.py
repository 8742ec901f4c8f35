"""Functions such as a user writes, good and bad."""

import numpy as np

CALLS = []


def lift(truth, scores, weights, labels):
    CALLS.append((type(truth), type(scores), weights.tolist()[:2], labels.tolist()))
    best = scores >= np.quantile(scores, 0.9)
    return np.average(truth[best], weights=weights[best]) / truth.mean()


def plain(truth, scores):
    return float(np.mean(np.abs(truth - scores)))


def greedy(truth, scores, /, **others):
    return len(others)


def at_threshold(y_true, y_score, *, threshold):
    return float(np.mean((y_score >= threshold) == y_true))


def raises(truth, scores):
    raise ValueError("no such thing\nas this")


def nan(truth, scores):
    return float("nan")


def several(truth, scores):
    return [1, 2]


def array(truth, scores):
    return scores


def nothing(truth, scores):
    pass


def word(truth, scores):
    return "0.5"


def scalar(truth, scores):
    return np.array(0.25, np.float32)


def spoils(truth, scores):
    scores[:] = 0
    truth[:] = 0
    return 1


def alone(truth):
    return 1.0


def needs_more(truth, scores, extra):
    return 1.0


not_a_function = 3
