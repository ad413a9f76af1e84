-- courses: the evaluations of the trials that run or were trained to their end, by a metric
select trial.trial_index, metric.examples as "examples!", metric.value as "value!"
from core.trial_state state
join core.trial on trial.trial_id = any (array[state.trial_id])
join batchsweep.metric on metric.trial_id = state.trial_id::text and metric.sweep_id = state.sweep_id::text
where state.sweep_id = $1 and state.status in ('running', 'succeeded') and metric.name = $2 and metric.value is not null
order by trial.trial_index, metric.step
