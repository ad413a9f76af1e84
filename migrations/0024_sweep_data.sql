-- Which files a sweep's trials are trained on.
alter table core.sweep add column data_sha256 text;
comment on column core.sweep.data_sha256 is 'SHA-256 of the data''s files, as hex digits, as the first worker found them; every other one must find the same. NULL before, and where the data has no files.';

create or replace view batchsweep.sweep as
select
    sweep.sweep_id::text as sweep_id,
    sweep.name as sweep_name,
    progress.state,
    progress.trials,
    progress.pending,
    progress.running,
    progress.succeeded,
    progress.diverged,
    progress.infeasible,
    progress.failed,
    progress.cancelled,
    sweep.created_at,
    progress.finished_at,
    sweep.source,
    sweep.data_sha256
from core.sweep
join core.sweep_progress progress on progress.sweep_id = sweep.sweep_id;

comment on column batchsweep.sweep.data_sha256 is 'SHA-256 of the files that its trials are trained on, as hex digits; NULL before the first of them is prepared, and for data without files.';
