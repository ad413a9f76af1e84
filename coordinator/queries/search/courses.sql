-- courses: the evaluations of the trials that run or were trained to their end, by a metric; one of those of index
-- metric_evaluations
select trial.trial_index, point.examples as "examples!", point.value as "value!"
from core.trial_state state
join core.trial on trial.trial_id = any (array[state.trial_id])
cross join lateral (
    select metric.step, metric.examples, metric.value
    from core.metric
    where metric.trial_id = state.trial_id
        and metric.attempt = coalesce(state.accepted_attempt, state.attempt)
        and metric.metric_name in (2, 5, 7)
        and metric.metric_name = $2
    union all
    select metric.step, metric.examples, metric.value
    from core.lineage
    join core.metric on metric.trial_id = lineage.trial_id and metric.attempt = lineage.ancestor
    where lineage.trial_id = state.trial_id
        and lineage.attempt = coalesce(state.accepted_attempt, state.attempt)
        and metric.seq <= lineage.last_seq
        and metric.metric_name in (2, 5, 7)
        and metric.metric_name = $2
) point
where state.sweep_id = $1
    and state.status in ('running', 'succeeded')
    -- NaN and the infinities sort above every number.
    and point.value > '-Infinity' and point.value < 'Infinity'
order by trial.trial_index, point.step
