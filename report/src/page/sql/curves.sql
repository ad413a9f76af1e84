/* Curves, thinned for drawing. Step losses: for each doubling of the
   steps, counted back from the last one, eight points with the mean and
   the range of the losses they stand for. Evaluations are few and all
   there. */
with chosen as (
    select trial_id, trial_index
    from batchsweep.result
    where sweep_id = {sweep}
        and trial_index in ({indices})
),
point as (
    select
        *,
        case
            when name = 'train_loss' then
                floor(8 * ln(max(step) over (partition by trial_id, name) / greatest(step, 1)::float8) / ln(2))
            else step
        end as stretch
    from batchsweep.metric
    where trial_id = any (array(select trial_id from chosen))
        and name in ({names})
        and value is not null
),
curve as materialized (
    select
        trial_id,
        name,
        max(step) as step,
        max(examples) as examples,
        max(seconds) as seconds,
        avg(value) as mean,
        min(value) as lowest,
        max(value) as highest
    from point
    group by trial_id, name, stretch
)
select trial_index, name, step, examples, seconds, mean, lowest, highest
from curve
join chosen using (trial_id)
order by trial_index, name, step
