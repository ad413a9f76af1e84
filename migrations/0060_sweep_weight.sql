-- How much of the workers a sweep gets beside others.
alter table core.sweep
add column weight double precision not null default 1,
add constraint sweep_weight_known check (weight >= 0.001 and weight <= 1000);

comment on column core.sweep.weight is 'Its share of the workers beside other sweeps: one of weight 2 runs twice as many trials as one of weight 1.';

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
    sweep.weight
from core.sweep
join core.sweep_progress progress on progress.sweep_id = sweep.sweep_id;

comment on column batchsweep.sweep.weight is 'Its share of the workers beside other sweeps: one of weight 2 runs twice as many trials at a time as one of weight 1.';
