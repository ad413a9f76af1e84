create view batchsweep.split as
select
    trial.sweep_id::text as sweep_id,
    trial.trial_id::text as trial_id,
    split.attempt::bigint as attempt,
    split.kind,
    split.from_step,
    split.micro_batch,
    split.accumulation_steps,
    split.predicted_peak_bytes,
    split.reason
from core.trial
join core.trial_state state on state.trial_id = trial.trial_id
join core.split on split.trial_id = trial.trial_id and split.attempt = coalesce(state.accepted_attempt, state.attempt);

comment on view batchsweep.split is 'How a trial''s batch was split into micro-batches, and why: one row each time it changed.';
comment on column batchsweep.split.sweep_id is 'UUID of the sweep, as text.';
comment on column batchsweep.split.trial_id is 'UUID of the trial, as text.';
comment on column batchsweep.split.attempt is 'The attempt shown: the one whose result counts, else the latest.';
comment on column batchsweep.split.kind is 'planned before the first step, or realized from from_step on.';
comment on column batchsweep.split.from_step is 'First optimizer step it holds for, from 1.';
comment on column batchsweep.split.micro_batch is 'Examples in the largest micro-batch.';
comment on column batchsweep.split.accumulation_steps is 'Micro-batches in a batch; 1 means no accumulation.';
comment on column batchsweep.split.predicted_peak_bytes is 'Predicted peak memory, in bytes; NULL where nothing was predicted.';
comment on column batchsweep.split.reason is 'Why, in words.';
