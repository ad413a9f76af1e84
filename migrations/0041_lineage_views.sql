-- The curves and splits of an attempt that went on from a checkpoint begin with those of the attempts before it.
create or replace view batchsweep.metric as
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
comment on column batchsweep.metric.attempt is 'The attempt shown: the one whose result counts, else the latest; also for points that an earlier one told.';

create or replace view batchsweep.split as
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

comment on column batchsweep.split.attempt is 'The attempt shown: the one whose result counts, else the latest; also for splits that an earlier one told.';
