-- A plan that found no split is a row too: with its reason, and NULL for the sizes that there are not.
create or replace view batchsweep.split as
select
    trial.sweep_id::text as sweep_id,
    trial.trial_id::text as trial_id,
    split.attempt::bigint as attempt,
    split.kind,
    split.from_step,
    nullif(split.micro_batch, 0) as micro_batch,
    nullif(split.accumulation_steps, 0) as accumulation_steps,
    split.predicted_peak_bytes,
    split.reason
from core.trial
join core.trial_state state on state.trial_id = trial.trial_id
join core.split on split.trial_id = trial.trial_id and split.attempt = coalesce(state.accepted_attempt, state.attempt);

comment on column core.split.micro_batch is 'Examples in the largest micro-batch; 0 where not even one example at a time fits.';
comment on column core.split.accumulation_steps is 'Micro-batches in a batch; 0 where none fits.';
comment on column batchsweep.split.micro_batch is 'Examples in the largest micro-batch; NULL where not even one example at a time fits.';
comment on column batchsweep.split.accumulation_steps is 'Micro-batches in a batch; 1 means no accumulation, NULL that none fits.';
comment on column batchsweep.split.predicted_peak_bytes is 'Predicted peak memory, in bytes: of the split, or where none fits of the least that was tried. NULL where nothing was predicted.';
