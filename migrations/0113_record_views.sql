-- The curves and splits of an attempt that went on from a checkpoint begin with those of the attempts before it.
create view batchsweep.metric as
select
    trial.sweep_id::text as sweep_id,
    trial.trial_id::text as trial_id,
    coalesce(state.accepted_attempt, state.attempt)::bigint as attempt,
    metric_name.name,
    metric.step,
    metric.examples,
    metric.seconds,
    -- NaN and the infinities sort above every number, so only what lies between them is a value.
    case when metric.value > '-Infinity' and metric.value < 'Infinity' then metric.value end as value
from core.trial
join core.trial_state state on state.trial_id = trial.trial_id
join core.metric on metric.trial_id = trial.trial_id and metric.attempt = coalesce(state.accepted_attempt, state.attempt)
join core.metric_name using (metric_name)
union all
select
    trial.sweep_id::text,
    trial.trial_id::text,
    coalesce(state.accepted_attempt, state.attempt)::bigint,
    metric_name.name,
    metric.step,
    metric.examples,
    metric.seconds,
    case when metric.value > '-Infinity' and metric.value < 'Infinity' then metric.value end
from core.trial
join core.trial_state state on state.trial_id = trial.trial_id
join core.lineage
    on lineage.trial_id = trial.trial_id and lineage.attempt = coalesce(state.accepted_attempt, state.attempt)
join core.metric
    on metric.trial_id = trial.trial_id and metric.attempt = lineage.ancestor and metric.seq <= lineage.last_seq
join core.metric_name using (metric_name);

comment on view batchsweep.metric is 'One row a point of a curve, of the attempt whose result counts, else of the latest one; where that went on from a checkpoint, the points before it too.';
comment on column batchsweep.metric.sweep_id is 'UUID of the sweep, as text.';
comment on column batchsweep.metric.trial_id is 'UUID of the trial, as text.';
comment on column batchsweep.metric.attempt is 'The attempt shown: the one whose result counts, else the latest; also for points that an earlier one told.';
comment on column batchsweep.metric.name is 'train_loss (every step), train_set_loss (at evaluations), learning_rate, gradient_norm, validation_loss, validation_accuracy or validation_error.';
comment on column batchsweep.metric.step is 'Optimizer steps done, from 1; 0 before the first.';
comment on column batchsweep.metric.examples is 'Training examples seen.';
comment on column batchsweep.metric.seconds is 'Training time so far, in seconds; evaluation is not counted.';
comment on column batchsweep.metric.value is 'The value; NULL where it is not finite.';

-- A plan that found no split is a row too: with its reason, and NULL for the sizes that there are not.
create view batchsweep.split as
select
    trial.sweep_id::text as sweep_id,
    trial.trial_id::text as trial_id,
    coalesce(state.accepted_attempt, state.attempt)::bigint as attempt,
    split.kind,
    split.from_step,
    nullif(split.micro_batch, 0) as micro_batch,
    nullif(split.accumulation_steps, 0) as accumulation_steps,
    split.predicted_peak_bytes,
    split.reason
from core.trial
join core.trial_state state on state.trial_id = trial.trial_id
join core.split on split.trial_id = trial.trial_id and split.attempt = coalesce(state.accepted_attempt, state.attempt)
union all
select
    trial.sweep_id::text,
    trial.trial_id::text,
    coalesce(state.accepted_attempt, state.attempt)::bigint,
    split.kind,
    split.from_step,
    nullif(split.micro_batch, 0),
    nullif(split.accumulation_steps, 0),
    split.predicted_peak_bytes,
    split.reason
from core.trial
join core.trial_state state on state.trial_id = trial.trial_id
join core.lineage
    on lineage.trial_id = trial.trial_id and lineage.attempt = coalesce(state.accepted_attempt, state.attempt)
join core.split on split.trial_id = trial.trial_id and split.attempt = lineage.ancestor and split.seq <= lineage.last_seq;

comment on view batchsweep.split is 'How a trial''s batch was split into micro-batches, and why: one row each time it changed.';
comment on column batchsweep.split.sweep_id is 'UUID of the sweep, as text.';
comment on column batchsweep.split.trial_id is 'UUID of the trial, as text.';
comment on column batchsweep.split.attempt is 'The attempt shown: the one whose result counts, else the latest; also for splits that an earlier one told.';
comment on column batchsweep.split.kind is 'planned before the first step, or realized from from_step on.';
comment on column batchsweep.split.from_step is 'First optimizer step it holds for, from 1.';
comment on column batchsweep.split.micro_batch is 'Examples in the largest micro-batch; NULL where not even one example at a time fits.';
comment on column batchsweep.split.accumulation_steps is 'Micro-batches in a batch; 1 means no accumulation, NULL that none fits.';
comment on column batchsweep.split.predicted_peak_bytes is 'Predicted peak memory, in bytes: of the split, or where none fits of the least that was tried. NULL where nothing was predicted.';
comment on column batchsweep.split.reason is 'Why, in words.';

create view batchsweep.log as
select
    trial.sweep_id::text as sweep_id,
    trial.trial_id::text as trial_id,
    trial.trial_index,
    log.attempt::bigint as attempt,
    log.seq,
    log.recorded_at,
    log.level,
    log.text
from core.trial
join core.log on log.trial_id = trial.trial_id;

comment on view batchsweep.log is 'One row a line of a trial''s log, of all its attempts.';
comment on column batchsweep.log.sweep_id is 'UUID of the sweep, as text.';
comment on column batchsweep.log.trial_id is 'UUID of the trial, as text.';
comment on column batchsweep.log.trial_index is 'Place in the grid, from 0.';
comment on column batchsweep.log.attempt is 'Which attempt told it, from 1.';
comment on column batchsweep.log.seq is 'Order within the attempt: its place among all records, metrics and splits included.';
comment on column batchsweep.log.recorded_at is 'When the coordinator stored it.';
comment on column batchsweep.log.level is 'info, warning or error.';
comment on column batchsweep.log.text is 'The line.';
