"""Addresses of the kernel under /api/v1/."""

from django.urls import URLPattern, path

from apps.common.api import jobs

urlpatterns: list[URLPattern] = [
    path("admin/jobs/", jobs.Jobs.as_view(), name="admin-jobs"),
    path("admin/jobs/<uuid:job_id>/", jobs.JobDetail.as_view(), name="admin-job"),
    path("admin/jobs/<uuid:job_id>/cancel/", jobs.CancelJob.as_view(), name="admin-job-cancel"),
    path("admin/jobs/<uuid:job_id>/retry/", jobs.RetryJob.as_view(), name="admin-job-retry"),
]
