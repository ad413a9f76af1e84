-- The circuit breaker of a sweep: when attempt after attempt fails and none brings a result, it is paused, and says why.
alter table core.sweep add column pause_reason text;
comment on column core.sweep.pause_reason is 'Why it was paused by itself; NULL where somebody paused it. Means nothing unless it is paused.';

create table core.sweep_breaker (
    sweep_id          uuid    not null,
    failures_in_a_row integer not null,

    constraint sweep_breaker_pkey primary key (sweep_id),
    constraint sweep_breaker_sweep_fkey foreign key (sweep_id) references core.sweep (sweep_id),
    constraint sweep_breaker_counts check (failures_in_a_row >= 0)
);

comment on table core.sweep_breaker is 'One row a sweep in which an attempt failed.';
comment on column core.sweep_breaker.sweep_id is 'The sweep.';
comment on column core.sweep_breaker.failures_in_a_row is 'Attempts that failed since the last result, or since the sweep was resumed; those whose worker was lost, and those refused for their settings, are not counted.';

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
    sweep.data_sha256,
    sweep.weight,
    case when progress.state = 'paused' then sweep.pause_reason end as pause_reason
from core.sweep
join core.sweep_progress progress on progress.sweep_id = sweep.sweep_id;

comment on column batchsweep.sweep.pause_reason is 'Why it was paused by itself; NULL where somebody paused it, or it is not paused.';
