"""Background jobs: long work that staff asked for, with progress, row errors and a result. One row per job.

    job = jobs.start(kind="stock.import", arguments={...}, actor=user)      # in a service, inside a transaction

    @jobs.runner("stock.import")                                            # in <app>/handlers.py
    def import_stock(run: jobs.Run) -> jobs.Result: ...

The row is the truth; the Celery message only makes it fast, and `run_background_jobs` finds what a crash or a lost
message left behind. A worker claims the job for a lease, and whatever it notes carries the key of its claim: a worker
that overslept can note nothing any more. Work that must happen once calls `run.advance` (or `run.finish`) in the
transaction of its effects; both roll back together when the job is not its own any longer. A later attempt goes on
after `run.done` rows.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import structlog
from django.db import transaction
from django.utils import timezone

from apps.common import nudge
from apps.common.context import current_request_id, request_context
from apps.common.errors import Conflict, NotFound, Problem
from apps.common.events import Actor, backoff, record
from apps.common.housekeeping import delete_in_batches
from apps.common.models import BackgroundJob, BackgroundJobQuerySet, new_id

log = structlog.get_logger(__name__)
Status = BackgroundJob.Status

# Longer than CELERY_TASK_TIME_LIMIT: when a lease ends, its worker is certainly dead.
LEASE: Final = timedelta(minutes=6)
MAX_ATTEMPTS: Final = 5
KEPT_ERRORS: Final = 1000
KEPT_DAYS: Final = 30
SWEEP_SECONDS: Final = 60.0
ENDED: Final = (Status.SUCCEEDED, Status.FAILED, Status.CANCELLED)


class JobTransition(Conflict):
    code = "invalid_transition"
    detail = "The job cannot make this move now."


class LostJob(Exception):  # noqa: N818 - says what happened
    """The job is not this worker's any more: it was cancelled, or its lease ran out and another took over."""


@dataclass(frozen=True, slots=True)
class RowError:
    """One refused row: its number (the first data row is 1), a JSON pointer to the member, a code, and safe text."""

    row: int
    pointer: str
    code: str
    detail: str

    def as_json(self) -> dict[str, int | str]:
        return {"row": self.row, "pointer": self.pointer, "code": self.code, "detail": self.detail}


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a job: a small JSON object, and where a file made by it is, if it made one."""

    data: dict[str, Any] = field(default_factory=dict)
    url: str = ""


class Run:
    """One attempt at a job, by the worker that claimed it."""

    def __init__(self, job: BackgroundJob) -> None:
        self._job = job
        self.is_finished = False

    @property
    def id(self) -> UUID:
        return self._job.pk

    @property
    def arguments(self) -> dict[str, Any]:
        """What the job was started with."""
        return dict(self._job.arguments)

    @property
    def actor_id(self) -> UUID | None:
        return self._job.actor_id

    @property
    def done(self) -> int:
        """Rows that this and earlier attempts have worked off."""
        return self._job.done

    @property
    def error_count(self) -> int:
        """Rows refused so far, by this and earlier attempts."""
        return self._job.error_count

    def advance(self, *, done: int, total: int, errors: Sequence[RowError] = ()) -> None:
        """Note that `done` of `total` rows are worked off, with the rows refused since the last call.

        It renews the lease. Raises LostJob when the job is not this worker's any more.
        """
        errors_now = [*self._job.errors, *(error.as_json() for error in errors)][:KEPT_ERRORS]
        self._note(
            done=done,
            total=total,
            errors=errors_now,
            error_count=self._job.error_count + len(errors),
            next_attempt_at=timezone.now() + LEASE,
        )

    def finish(self, result: Result) -> None:
        """End the job well. In the caller's transaction it is true exactly when the effects are. Raises LostJob."""
        now = timezone.now()
        self._note(status=Status.SUCCEEDED, result=result.data, result_url=result.url, finished_at=now, last_error="")
        self.is_finished = True

    def _note(self, **outcome: Any) -> None:
        mine = BackgroundJob.objects.filter(pk=self._job.pk, status=Status.RUNNING, claim=self._job.claim)
        if not mine.update(updated_at=timezone.now(), **outcome):
            raise LostJob
        for name, value in outcome.items():
            setattr(self._job, name, value)


Runner = Callable[[Run], Result]
_runners: dict[str, Runner] = {}


def runner(kind: str) -> Callable[[Runner], Runner]:
    """Name the function that does this kind of job. It may be run again from the start at any time."""

    def register(function: Runner) -> Runner:
        _runners[kind] = function
        return function

    return register


@transaction.atomic(savepoint=False)  # a step: part of the caller's transaction
def start(
    *, kind: str, arguments: dict[str, Any], actor: Actor | None = None, total: int | None = None
) -> BackgroundJob:
    """Queue a job in the caller's transaction. Raises LookupError for a kind that nobody runs."""
    _runner_of(kind)
    signed_in = actor is not None and bool(actor.is_authenticated)
    job = BackgroundJob.objects.create(
        kind=kind,
        arguments=arguments,
        total=total,
        actor_id=actor.pk if actor is not None and signed_in else None,
        next_attempt_at=timezone.now(),
        request_id=current_request_id(),
    )
    record("job.started", target=job, actor=actor, data={"kind": kind})
    _hint(job)
    return job


def run(job_id: UUID | str) -> bool:
    """Run one job if it is due and nobody else is at it. Returns whether this call ended it well."""
    claimed = _claim(BackgroundJob.objects.due(timezone.now()).filter(pk=job_id))
    return claimed is not None and _run(claimed)


def run_due(*, limit: int = 20) -> int:
    """Run what is due, longest waiting first, for about `SWEEP_SECONDS`; returns how many ended well."""
    ended, started = 0, time.monotonic()
    for _ in range(limit):
        claimed = _claim(BackgroundJob.objects.due(timezone.now()))
        if claimed is None:
            break
        ended += _run(claimed)
        if time.monotonic() - started > SWEEP_SECONDS:
            break
    return ended


@transaction.atomic
def cancel(*, job_id: UUID, actor: Actor | None) -> BackgroundJob:
    """Stop a job: one that waits never runs, one that runs ends before its next step. What is done stays done.

    Repeatable. Raises NotFound, JobTransition once the job has ended.
    """
    job = _locked(job_id)
    if job.status == Status.CANCELLED:
        return job
    if job.status in ENDED:
        raise JobTransition(extra={"allowed": ["retry"] if job.status == Status.FAILED else []})
    job.status, job.finished_at = Status.CANCELLED, timezone.now()
    job.save(update_fields=["status", "finished_at", "updated_at"])
    record("job.cancelled", target=job, actor=actor, data={"kind": job.kind})
    return job


@transaction.atomic
def retry(*, job_id: UUID, actor: Actor | None) -> BackgroundJob:
    """Queue a failed job again; it goes on where it stopped. Raises NotFound, JobTransition."""
    job = _locked(job_id)
    if job.status != Status.FAILED:
        raise JobTransition(extra={"allowed": [] if job.status in ENDED else ["cancel"]})
    job.status, job.finished_at, job.failure = Status.QUEUED, None, ""
    job.attempts, job.next_attempt_at = 0, timezone.now()
    job.save(update_fields=["status", "finished_at", "failure", "attempts", "next_attempt_at", "updated_at"])
    record("job.retried", target=job, actor=actor, data={"kind": job.kind})
    _hint(job)
    return job


def delete_old() -> int:
    """Remove ended jobs past their month; returns how many."""
    limit = timezone.now() - timedelta(days=KEPT_DAYS)
    return delete_in_batches(BackgroundJob.objects.filter(status__in=ENDED, finished_at__lt=limit))


def _runner_of(kind: str) -> Runner:
    try:
        return _runners[kind]
    except KeyError:
        raise LookupError(f"nobody runs jobs of the kind {kind}") from None


def _hint(job: BackgroundJob) -> None:
    transaction.on_commit(lambda: nudge.send("run_background_job", str(job.pk)), robust=True)


def _locked(job_id: UUID) -> BackgroundJob:
    job = BackgroundJob.objects.select_for_update().filter(pk=job_id).first()
    if job is None:
        raise NotFound
    return job


@transaction.atomic(durable=True)
def _claim(due: BackgroundJobQuerySet) -> BackgroundJob | None:
    job = due.lock_free().first()
    if job is None:
        return None
    # Counted before the attempt, so that a job that kills its worker does not do so for ever.
    job.attempts += 1
    job.claim = new_id()
    job.status = Status.RUNNING
    job.started_at = job.started_at or timezone.now()
    job.next_attempt_at = timezone.now() + LEASE
    job.save(update_fields=["attempts", "claim", "status", "started_at", "next_attempt_at", "updated_at"])
    return job


def _run(job: BackgroundJob) -> bool:
    current = Run(job)
    with request_context(job.request_id):
        try:
            result = _attempt(current, job)
            if not current.is_finished:
                current.finish(result)
        except LostJob:
            log.info("job_lost", **_facts(job))
            return False
        except Exception as error:
            _note_failure(job, error)
            return False
        log.info("job_succeeded", **_facts(job), errors=job.error_count)
        return True


def _attempt(current: Run, job: BackgroundJob) -> Result:
    if job.attempts > MAX_ATTEMPTS:
        raise TimeoutError("no worker of this job has ever come back")
    return _runner_of(job.kind)(current)


def _note_failure(job: BackgroundJob, error: Exception) -> None:
    # A refusal would be the same next time; anything else may be weather.
    ended = isinstance(error, Problem) or job.attempts >= MAX_ATTEMPTS
    outcome: dict[str, Any] = {"status": Status.QUEUED, "next_attempt_at": timezone.now() + backoff(job.attempts)}
    if ended:
        failure = error.code if isinstance(error, Problem) else "server_error"
        outcome = {"status": Status.FAILED, "failure": failure, "finished_at": timezone.now()}
    text = f"{type(error).__name__}: {error}".replace("\x00", "")[:300]
    BackgroundJob.objects.filter(pk=job.pk, status=Status.RUNNING, claim=job.claim).update(
        updated_at=timezone.now(), last_error=text, **outcome
    )
    log.error("job_failed", **_facts(job), error=text, ended=ended)


def _facts(job: BackgroundJob) -> dict[str, str | int]:
    return {"job": str(job.pk), "kind": job.kind, "attempts": job.attempts}
