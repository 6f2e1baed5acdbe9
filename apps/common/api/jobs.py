"""Background jobs as the staff member who started them sees them."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common import jobs
from apps.common.api.pagination import CursorQuery, newest_first
from apps.common.api.views import ApiView
from apps.common.errors import Forbidden, NotFound, Unauthenticated
from apps.common.models import BackgroundJob

TAGS = ["Jobs for staff"]
MAX = 2147483647


class StaffWithOwnJobs(BasePermission):
    """Any staff member: for the jobs they started, or all jobs with the right to view them."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not request.user.is_authenticated:
            raise Unauthenticated
        if not request.user.is_staff:
            raise Forbidden(extra={"required_permission": "common.view_backgroundjob"})
        return True


class JobErrorOut(serializers.Serializer[Any]):
    row = serializers.IntegerField(min_value=0, max_value=MAX, help_text="The first row of data is 1.")
    pointer = serializers.CharField(max_length=500, allow_blank=True, help_text="The member of the row.")
    code = serializers.CharField(max_length=80)
    detail = serializers.CharField(max_length=1000)


class JobRowOut(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    kind = serializers.CharField(max_length=60)
    status = serializers.ChoiceField(choices=BackgroundJob.Status.choices)
    progress = serializers.IntegerField(min_value=0, max_value=100, help_text="Percent.")
    done = serializers.IntegerField(min_value=0, max_value=MAX, help_text="Rows worked off.")
    total = serializers.IntegerField(min_value=0, max_value=MAX, allow_null=True, help_text="Rows in all, once known.")
    error_count = serializers.IntegerField(min_value=0, max_value=MAX, help_text="Rows refused.")
    failure = serializers.CharField(max_length=80, allow_null=True, help_text="With `failed`: the code of the problem.")
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class JobOut(JobRowOut):
    errors = serializers.ListField(  # type: ignore[assignment]  # the metaclass takes it off the class
        child=JobErrorOut(), max_length=jobs.KEPT_ERRORS, help_text="The first rows that were refused."
    )
    result = serializers.DictField(allow_null=True, help_text="With `succeeded`: what came of it, by kind.")
    result_url = serializers.CharField(max_length=300, allow_null=True, help_text="Where the file is, if it made one.")


class JobQuery(CursorQuery):
    kind = serializers.CharField(max_length=60, required=False, help_text="Only jobs of this kind.")
    status = serializers.ChoiceField(
        choices=BackgroundJob.Status.choices, required=False, help_text="Only jobs in this state."
    )


def present_job_row(job: BackgroundJob) -> dict[str, Any]:
    names = ("id", "kind", "status", "progress", "done", "total", "error_count")
    times = ("created_at", "started_at", "finished_at")
    return {
        **{name: getattr(job, name) for name in names},
        "failure": job.failure or None,
        **{name: getattr(job, name) for name in times},
    }


def present_job(job: BackgroundJob) -> dict[str, Any]:
    found = {"errors": job.errors, "result": job.result, "result_url": job.result_url or None}
    return present_job_row(job) | found


def job_accepted(job: BackgroundJob) -> Response:
    """202 with the queued job and its address: the answer of every view that starts one (documented as JobOut)."""
    return Response(present_job(job), status=202, headers={"Location": f"/api/v1/admin/jobs/{job.pk}/"})


def _visible(user: Any, permission: str) -> "QuerySet[BackgroundJob]":
    jobs_of_all = BackgroundJob.objects.all()
    return jobs_of_all if user.has_perm(permission) else jobs_of_all.filter(actor_id=user.pk)


class Jobs(ApiView):
    permission_classes = [StaffWithOwnJobs]
    query_class = JobQuery

    @extend_schema(
        operation_id="admin_jobs_list",
        summary="List background jobs",
        description="Newest first: those you started; all with the right `common.view_backgroundjob`.",
        tags=TAGS,
        responses=JobRowOut(many=True),
    )
    def get(self, request: Request) -> Response:
        wanted = {name: self.query[name] for name in ("kind", "status") if name in self.query}
        found = _visible(request.user, "common.view_backgroundjob").filter(**wanted)
        return newest_first(request, self.query, found.defer("arguments", "errors"), present_job_row).response()


class JobDetail(ApiView):
    permission_classes = [StaffWithOwnJobs]

    @extend_schema(
        operation_id="admin_jobs_retrieve",
        summary="Read a background job",
        description="Its progress, the rows it refused, and its result once it has succeeded.",
        tags=TAGS,
        responses=JobOut,
    )
    def get(self, request: Request, job_id: UUID) -> Response:
        job = _visible(request.user, "common.view_backgroundjob").filter(pk=job_id).first()
        if job is None:
            raise NotFound
        return Response(present_job(job))


class _JobAction(ApiView):
    """A move of a job that is one's own, or of any with the right to change jobs."""

    permission_classes = [StaffWithOwnJobs]
    starts_job = True
    problems = {"POST": [409]}

    def _known(self, request: Request, job_id: UUID) -> UUID:
        if not _visible(request.user, "common.change_backgroundjob").filter(pk=job_id).exists():
            raise NotFound
        return job_id


class CancelJob(_JobAction):
    @extend_schema(
        operation_id="admin_jobs_cancel",
        summary="Cancel a background job",
        description="One that runs stops before its next step; what is done stays done. Repeatable.",
        tags=TAGS,
        request=None,
        responses={202: JobOut},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        return job_accepted(jobs.cancel(job_id=self._known(request, job_id), actor=request.user))


class RetryJob(_JobAction):
    @extend_schema(
        operation_id="admin_jobs_retry",
        summary="Try a failed background job again",
        description="It goes on where it stopped.",
        tags=TAGS,
        request=None,
        responses={202: JobOut},
    )
    def post(self, request: Request, job_id: UUID) -> Response:
        return job_accepted(jobs.retry(job_id=self._known(request, job_id), actor=request.user))
