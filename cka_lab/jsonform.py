"""Results as JSON and back: the stable shape of ``--json``, of the store and of reports.

An attempt::

    {"scenario": str, "at": float, "seconds": float,
     "score": {"earned": int, "possible": int, "unchecked": int, "percent": int},
     "diagnoses": [{"code": str, "lesson": str}],
     "tasks": [{"id": str, "weight": int, "penalty": int, "score": {...},
                "checks": [{"id", "says", "outcome": "pass|fail|error|skip", "points": int, "guard": bool,
                            "mismatch": null | {"message", "expected", "found", "diagnosis": null | {...}},
                            "error": str, "seconds": float}]}]}
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cka_lab.model import (
    Attempt,
    CheckResult,
    Diagnosis,
    Mark,
    Mismatch,
    Outcome,
    Score,
    TaskResult,
)

Json = dict[str, Any]


def score_to_json(score: Score) -> Json:
    return {
        "earned": score.earned,
        "possible": score.possible,
        "unchecked": score.unchecked,
        "percent": score.percent,
    }


def attempt_to_json(attempt: Attempt) -> Json:
    return {
        "scenario": attempt.scenario,
        "at": attempt.at,
        "seconds": round(attempt.seconds, 3),
        "score": score_to_json(attempt.score),
        "diagnoses": [asdict(d) for d in attempt.diagnoses],
        "tasks": [_task_to_json(task) for task in attempt.tasks],
    }


def attempt_from_json(data: Json) -> Attempt:
    """The inverse of attempt_to_json(); derived fields are ignored. KeyError, ValueError on other shapes."""
    return Attempt(data["scenario"], tuple(_task_from_json(t) for t in data["tasks"]), data["at"], data["seconds"])


def mark_to_json(mark: Mark) -> Json:
    return asdict(mark)


def mark_from_json(data: Json) -> Mark:
    return Mark(**data)


def _task_to_json(task: TaskResult) -> Json:
    return {
        "id": task.id,
        "weight": task.weight,
        "penalty": task.penalty,
        "score": score_to_json(task.score),
        "checks": [_check_to_json(check) for check in task.checks],
    }


def _task_from_json(data: Json) -> TaskResult:
    checks = tuple(_check_from_json(check) for check in data["checks"])
    return TaskResult(data["id"], data["weight"], checks, data["penalty"])


def _check_to_json(check: CheckResult) -> Json:
    return {**asdict(check), "outcome": check.outcome.value, "seconds": round(check.seconds, 3)}


def _check_from_json(data: Json) -> CheckResult:
    mismatch = data["mismatch"]
    if mismatch:
        diagnosis = mismatch["diagnosis"]
        mismatch = Mismatch(**{**mismatch, "diagnosis": Diagnosis(**diagnosis) if diagnosis else None})
    return CheckResult(**{**data, "outcome": Outcome(data["outcome"]), "mismatch": mismatch})
