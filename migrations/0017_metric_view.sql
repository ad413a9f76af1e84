create view batchsweep.metric as
select
    trial.sweep_id::text as sweep_id,
    trial.trial_id::text as trial_id,
    metric.attempt::bigint as attempt,
    metric_name.name,
    metric.step,
    metric.examples,
    metric.seconds,
    -- NaN and the infinities sort above every number, so only what lies between them is a value.
    case when metric.value > '-Infinity' and metric.value < 'Infinity' then metric.value end as value
from core.trial
join core.trial_state state on state.trial_id = trial.trial_id
join core.metric on metric.trial_id = trial.trial_id and metric.attempt = coalesce(state.accepted_attempt, state.attempt)
join core.metric_name using (metric_name);

comment on view batchsweep.metric is 'One row a point of a curve, of the attempt whose result counts, else of the latest one.';
comment on column batchsweep.metric.sweep_id is 'UUID of the sweep, as text.';
comment on column batchsweep.metric.trial_id is 'UUID of the trial, as text.';
comment on column batchsweep.metric.attempt is 'The attempt shown: the one whose result counts, else the latest.';
comment on column batchsweep.metric.name is 'train_loss (every step), train_set_loss (at evaluations), learning_rate, gradient_norm, validation_loss, validation_accuracy or validation_error.';
comment on column batchsweep.metric.step is 'Optimizer steps done, from 1; 0 before the first.';
comment on column batchsweep.metric.examples is 'Training examples seen.';
comment on column batchsweep.metric.seconds is 'Training time so far, in seconds; evaluation is not counted.';
comment on column batchsweep.metric.value is 'The value; NULL where it is not finite.';
