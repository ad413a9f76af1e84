-- remove_sweeps: these and all that belongs to them. Workers that may keep checkpoints of their trials are asked for their
-- removal. Everything is in one statement, so the foreign keys are looked at when all is gone.
with gone as materialized (
    select array(select trial_id from core.trial where sweep_id = any($1)) as trials
),
asked as (
    insert into core.checkpoint_removal (worker_id, trial_id, attempt)
    select distinct made.worker_id, checkpoint.trial_id, state.attempt
    from core.checkpoint
    join core.trial_state state using (trial_id)
    join core.attempt made using (trial_id)
    where checkpoint.trial_id = any((select trials from gone)::uuid[])
    on conflict on constraint checkpoint_removal_pkey do update
    set attempt = excluded.attempt
),
metrics as (delete from core.metric where trial_id = any((select trials from gone)::uuid[])),
splits as (delete from core.split where trial_id = any((select trials from gone)::uuid[])),
logs as (delete from core.log where trial_id = any((select trials from gone)::uuid[])),
results as (delete from core.result where trial_id = any((select trials from gone)::uuid[])),
checkpoints as (delete from core.checkpoint where trial_id = any((select trials from gone)::uuid[])),
lineages as (delete from core.lineage where trial_id = any((select trials from gone)::uuid[])),
leases as (delete from core.lease where trial_id = any((select trials from gone)::uuid[])),
attempts as (delete from core.attempt where trial_id = any((select trials from gone)::uuid[])),
states as (delete from core.trial_state where trial_id = any((select trials from gone)::uuid[])),
trials as (delete from core.trial where sweep_id = any($1)),
decisions as (delete from core.decision where sweep_id = any($1)),
searches as (delete from core.search where sweep_id = any($1)),
breakers as (delete from core.sweep_breaker where sweep_id = any($1)),
uploads as (delete from core.sweep_upload where sweep_id = any($1))
delete from core.sweep
where sweep_id = any($1)
