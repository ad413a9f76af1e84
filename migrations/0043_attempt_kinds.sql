-- Two more kinds of error, and what a killed trainer was at: the next attempt of a trial whose trainer was killed by signal
-- 9 takes smaller micro-batches.
alter table core.attempt drop constraint attempt_error_kind_known;
alter table core.attempt add constraint attempt_error_kind_known check (
    error_kind in ('input', 'trainer', 'crash', 'suspected_host_oom', 'hung', 'spool_full', 'worker_lost')
);
alter table core.attempt add column micro_batch bigint not null default 0;

comment on column core.attempt.error_kind is 'For failed: input, trainer, crash, suspected_host_oom, hung, spool_full or worker_lost.';
comment on column core.attempt.micro_batch is 'Examples in the largest micro-batch when it ended without a result; 0 while none was known.';
comment on column batchsweep.attempt.error_kind is 'input, trainer, crash, suspected_host_oom, hung (no progress), spool_full (no room for records) or worker_lost; NULL unless failed.';
