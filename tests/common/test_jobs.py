"""Background jobs: one row per job, run by one worker at a time, once, whatever dies in between."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.db import transaction
from django.test import Client
from django.utils import timezone

from apps.common import jobs
from apps.common.errors import Conflict, NotFound
from apps.common.models import BackgroundJob, Event
from apps.common.tasks import run_background_job, run_background_jobs
from apps.products.models import Category
from tests.client import ApiClient, code
from tests.factories import CategoryFactory, UserFactory
from tests.races.threads import together

pytestmark = pytest.mark.django_db
Status = BackgroundJob.Status
ROWS = 3
trouble: list[Exception] = []


@pytest.fixture(autouse=True)
def _kinds() -> Iterator[None]:
    trouble.clear()
    kept = dict(jobs._runners)
    jobs.runner("test.rows")(work_off)
    yield
    jobs._runners.clear()
    jobs._runners.update(kept)


def work_off(run: jobs.Run) -> jobs.Result:
    """Makes a category per row; the second row is refused; trouble comes before the third."""
    for row in range(run.done + 1, ROWS + 1):
        with transaction.atomic():
            if row == ROWS and trouble:
                raise trouble.pop()
            if row == 2:
                errors = [jobs.RowError(row, "/sku", "does_not_exist", "There is no such SKU.")]
                run.advance(done=row, total=ROWS, errors=errors)
            else:
                CategoryFactory(slug=f"row-{row}")
                run.advance(done=row, total=ROWS)
    return jobs.Result({"made": Category.objects.count()})


def start(**fields: Any) -> BackgroundJob:
    with transaction.atomic():
        return jobs.start(kind="test.rows", arguments={"n": 1}, **fields)


def made() -> list[str]:
    return sorted(Category.objects.values_list("slug", flat=True))


def due_now(job: BackgroundJob) -> None:
    BackgroundJob.objects.filter(pk=job.pk).update(next_attempt_at=timezone.now() - timedelta(seconds=1))


def test_a_job_runs_and_tells_its_progress_row_errors_and_result():
    job = start()
    assert run_background_job(str(job.pk)) is True
    job.refresh_from_db()
    assert (job.status, job.progress, job.done, job.total, job.attempts) == (Status.SUCCEEDED, 100, 3, 3, 1)
    assert job.errors == [{"row": 2, "pointer": "/sku", "code": "does_not_exist", "detail": "There is no such SKU."}]
    assert (job.error_count, job.result) == (1, {"made": 2})
    assert made() == ["row-1", "row-3"]


def test_a_job_that_ended_does_not_run_again():
    job = start()
    assert (run_background_job(str(job.pk)), run_background_job(str(job.pk)), run_background_jobs()) == (True, False, 0)
    assert made() == ["row-1", "row-3"]


def test_a_job_goes_with_its_transaction():
    with transaction.atomic():
        jobs.start(kind="test.rows", arguments={})
        transaction.set_rollback(True)
    assert BackgroundJob.objects.count() == 0


def test_a_kind_that_nobody_runs_is_refused_at_once():
    with pytest.raises(LookupError, match=r"test\.unknown"), transaction.atomic():
        jobs.start(kind="test.unknown", arguments={})
    assert BackgroundJob.objects.count() == 0


def test_after_trouble_a_job_goes_on_where_it_stopped():
    trouble.append(OSError("the disk is full"))
    job = start()
    assert run_background_jobs() == 0
    job.refresh_from_db()
    assert (job.status, job.done, job.progress, job.last_error) == (Status.QUEUED, 2, 66, "OSError: the disk is full")
    assert job.next_attempt_at > timezone.now()
    assert run_background_jobs() == 0, "it is not due yet"
    due_now(job)
    assert run_background_jobs() == 1
    job.refresh_from_db()
    assert (job.status, job.attempts, job.error_count, job.last_error) == (Status.SUCCEEDED, 2, 1, "")
    assert made() == ["row-1", "row-3"]


def test_a_refusal_ends_a_job_at_once_and_staff_may_try_again():
    trouble.append(Conflict("Not now.", code="conflict"))
    job = start()
    run_background_jobs()
    job.refresh_from_db()
    assert (job.status, job.failure, job.finished_at is not None) == (Status.FAILED, "conflict", True)
    jobs.retry(job_id=job.pk, actor=None)
    assert run_background_jobs() == 1
    assert made() == ["row-1", "row-3"]


def test_trouble_without_end_ends_the_job():
    job = start()
    for _ in range(jobs.MAX_ATTEMPTS):
        trouble.append(OSError("again"))
        due_now(job)
        run_background_jobs()
    job.refresh_from_db()
    assert (job.status, job.failure, job.attempts) == (Status.FAILED, "server_error", jobs.MAX_ATTEMPTS)


def test_a_dead_workers_job_is_taken_over_when_its_lease_ends_and_the_late_worker_changes_nothing():
    job = start()
    late = jobs._claim(BackgroundJob.objects.due(timezone.now()))
    assert late is not None
    assert run_background_jobs() == 0, "the lease still runs"
    due_now(job)
    assert run_background_jobs() == 1
    assert jobs._run(late) is False
    assert made() == ["row-1", "row-3"]
    assert BackgroundJob.objects.get().attempts == 2


def test_a_job_that_never_lets_its_worker_come_back_is_given_up():
    job = start()
    BackgroundJob.objects.filter(pk=job.pk).update(attempts=jobs.MAX_ATTEMPTS, status=Status.RUNNING)
    due_now(job)
    assert run_background_jobs() == 0
    assert BackgroundJob.objects.get().status == Status.FAILED
    assert made() == []


def test_a_cancelled_job_never_runs_and_a_running_one_undoes_its_step():
    waiting = start()
    jobs.cancel(job_id=waiting.pk, actor=None)
    assert run_background_jobs() == 0
    running = start()
    claimed = jobs._claim(BackgroundJob.objects.due(timezone.now()))
    assert claimed is not None
    jobs.cancel(job_id=running.pk, actor=None)
    assert jobs._run(claimed) is False
    assert made() == []
    assert list(Event.objects.order_by("id").values_list("type", flat=True)) == [
        "job.started",
        "job.cancelled",
        "job.started",
        "job.cancelled",
    ]


def test_moves_that_make_no_sense_are_refused():
    job = start()
    with pytest.raises(jobs.JobTransition) as refusal:
        jobs.retry(job_id=job.pk, actor=None)
    assert refusal.value.extra == {"allowed": ["cancel"]}
    run_background_jobs()
    with pytest.raises(jobs.JobTransition) as refusal:
        jobs.cancel(job_id=job.pk, actor=None)
    assert refusal.value.extra == {"allowed": []}
    with pytest.raises(NotFound):
        jobs.cancel(job_id=UserFactory().pk, actor=None)


def test_only_so_many_row_errors_are_kept_and_all_are_counted():
    jobs.runner("test.bad")(all_bad)
    with transaction.atomic():
        jobs.start(kind="test.bad", arguments={})
    assert run_background_jobs() == 1
    job = BackgroundJob.objects.get()
    assert (len(job.errors), job.error_count) == (jobs.KEPT_ERRORS, jobs.KEPT_ERRORS + 1)


def all_bad(run: jobs.Run) -> jobs.Result:
    count = jobs.KEPT_ERRORS + 1
    run.advance(done=count, total=count, errors=[jobs.RowError(n, "", "invalid", "Bad.") for n in range(1, count + 1)])
    return jobs.Result()


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_once_run_a_job_once():
    job = start()
    assert sorted(together([lambda: jobs.run(job.pk)] * 4)) == [False, False, False, True]
    assert made() == ["row-1", "row-3"]


def test_old_jobs_are_deleted_and_waiting_ones_are_not():
    job, waiting = start(), start()
    jobs.run(job.pk)
    assert jobs.delete_old() == 0
    long_ago = timezone.now() - timedelta(days=jobs.KEPT_DAYS + 1)
    BackgroundJob.objects.filter(pk=job.pk).update(finished_at=long_ago)
    assert jobs.delete_old() == 1
    assert BackgroundJob.objects.get() == waiting


def staff_client(*permissions: str) -> ApiClient:
    user = UserFactory(is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=permissions))
    client = ApiClient(user)
    client.user = user
    return client


def test_staff_read_their_own_jobs_and_with_the_right_all_of_them():
    anna, ben, chief = staff_client(), staff_client(), staff_client("view_backgroundjob")
    job = start(actor=anna.user, total=3)
    assert anna.get(f"/admin/jobs/{job.pk}/").json() == {
        "id": str(job.pk),
        "kind": "test.rows",
        "status": "queued",
        "progress": 0,
        "done": 0,
        "total": 3,
        "error_count": 0,
        "failure": None,
        "created_at": anna.get("/admin/jobs/").json()["results"][0]["created_at"],
        "started_at": None,
        "finished_at": None,
        "errors": [],
        "result": None,
        "result_url": None,
    }
    assert code(ben.get(f"/admin/jobs/{job.pk}/")) == (404, "not_found")
    assert ben.get("/admin/jobs/").json()["results"] == []
    assert chief.get(f"/admin/jobs/{job.pk}/").status_code == 200
    assert [row["id"] for row in chief.get("/admin/jobs/").json()["results"]] == [str(job.pk)]


def test_the_list_filters_by_kind_and_status():
    anna = staff_client()
    jobs.run(start(actor=anna.user).pk)
    start(actor=anna.user)
    for query, found in (
        ({"status": "queued"}, 1),
        ({"status": "succeeded", "kind": "test.rows"}, 1),
        ({"kind": "no"}, 0),
    ):
        assert len(anna.get("/admin/jobs/", query).json()["results"]) == found
    assert code(anna.get("/admin/jobs/", {"status": "lost"})) == (400, "validation_error")


def test_a_job_is_cancelled_and_retried_over_http():
    anna, ben = staff_client(), staff_client("view_backgroundjob")
    job = start(actor=anna.user)
    path = f"/admin/jobs/{job.pk}"
    assert code(ben.post(f"{path}/cancel/")) == (404, "not_found")
    assert code(anna.post(f"{path}/retry/")) == (409, "invalid_transition")
    answer = anna.post(f"{path}/cancel/")
    assert (answer.status_code, answer.json()["status"]) == (202, "cancelled")
    assert answer.headers["Location"] == f"/api/v1{path}/"
    assert anna.post(f"{path}/cancel/").status_code == 202
    BackgroundJob.objects.update(status="failed", failure="server_error")
    assert anna.post(f"{path}/retry/").json()["status"] == "queued"


def test_the_admin_cancels_and_retries():
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True))
    job = start()
    for action, status in (("try_again", "queued"), ("cancel_jobs", "cancelled")):
        page = client.post(
            "/admin/common/backgroundjob/", {"action": action, "_selected_action": [str(job.pk)]}, follow=True
        )
        assert page.status_code == 200
        assert BackgroundJob.objects.get().status == status
    assert (
        b"cannot make this move"
        in client.post(
            "/admin/common/backgroundjob/", {"action": "try_again", "_selected_action": [str(job.pk)]}, follow=True
        ).content
    )
