/* What each batch size needs to its target, at the learning rate that
   needs the fewest steps: medians over the seeds, where a seed that
   missed the target counts as infinite. Without a learning rate it was
   missed: more than the last columns. */
with trial as (
    select *
    from batchsweep.result
    where {trials}
        and status in ('succeeded', 'diverged', 'stopped')
),
rate as (
    select
        batch_size,
        learning_rate,
        percentile_cont(0.5) within group (order by coalesce(steps_to_target, 'Infinity'::float8)) as steps,
        percentile_cont(0.5) within group (order by coalesce(examples_to_target, 'Infinity'::float8)) as examples,
        percentile_cont(0.5) within group (order by coalesce(seconds_to_target, 'Infinity')) as seconds,
        count(steps_to_target) as reached,
        count(*) as tried
    from trial
    group by batch_size, learning_rate
),
best as (
    select distinct on (batch_size) *
    from rate
    where steps < 'Infinity'
    order by batch_size, steps, learning_rate
),
missed as (
    select
        batch_size,
        min(steps) filter (where status = 'succeeded' and steps_to_target is null) as steps,
        min(examples) filter (where status = 'succeeded' and steps_to_target is null) as examples
    from trial
    group by batch_size
)
select
    batch_size,
    best.learning_rate,
    best.steps,
    best.examples,
    best.seconds,
    best.reached,
    best.tried,
    case when best.steps is null then missed.steps end as more_than_steps,
    case when best.steps is null then missed.examples end as more_than_examples
from missed
left join best using (batch_size)
order by batch_size
