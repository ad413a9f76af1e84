-- Curves, thinned for drawing: eight points to each doubling of the steps, each with the mean and the range of the step
-- losses it stands for. Evaluations are few and all there.
select
    result.trial_index,
    metric.name,
    max(metric.step) as step,
    max(metric.examples) as examples,
    max(metric.seconds) as seconds,
    avg(metric.value) as mean,
    min(metric.value) as lowest,
    max(metric.value) as highest
from batchsweep.metric
join batchsweep.result using (sweep_id, trial_id)
where metric.sweep_id = {sweep}
    and metric.name in ({names})
    and metric.value is not null
    and result.trial_index in ({indices})
group by
    result.trial_index,
    metric.name,
    case when metric.name = 'train_loss' then floor(8 * ln(greatest(metric.step, 1)) / ln(2)) else metric.step end
order by trial_index, name, step
