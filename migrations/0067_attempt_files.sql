-- One more kind of error: files that a worker lacks, or has otherwise than others, fail every trial of a sweep there, and can
-- be mended without the sweep. So they count for the breakers of worker and sweep, which a trial's own settings do not.
alter table core.attempt drop constraint attempt_error_kind_known;
alter table core.attempt add constraint attempt_error_kind_known check (
    error_kind in ('input', 'files', 'trainer', 'crash', 'suspected_host_oom', 'hung', 'spool_full', 'worker_lost')
);

comment on column core.attempt.error_kind is 'For failed: input, files, trainer, crash, suspected_host_oom, hung, spool_full or worker_lost.';
comment on column batchsweep.attempt.error_kind is 'input (the trial cannot be trained as asked), files (its data or model is missing or broken on that worker), trainer, crash, suspected_host_oom, hung (no progress), spool_full (no room for records) or worker_lost; NULL unless failed.';
