/* How long a step takes at each batch size, over all learning rates and
   seeds, and the examples in a second that this makes. */
select
    batch_size,
    min(examples_in_step) as examples_in_step,
    percentile_cont(0.5) within group (order by step_seconds) as seconds_per_step,
    min(step_seconds) as fastest,
    max(step_seconds) as slowest,
    min(examples_in_step) / percentile_cont(0.5) within group (order by step_seconds) as examples_per_second,
    bool_or(coalesce(accumulation_steps > 1, false)) as accumulated
from (
    select
        *,
        train_seconds / steps as step_seconds,
        -- The last batch of an epoch aside: no step sees more examples than there are.
        least(batch_size, greatest(round(examples / nullif(epochs, 0)), 1)) as examples_in_step
    from batchsweep.result
    where {trials}
        and steps > 0
        and train_seconds > 0
) trial
group by batch_size
order by batch_size
