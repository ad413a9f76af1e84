/* The learning rate with the lowest median score at each batch size,
   between the next ones that were tried; a repeat that diverged or was
   ended early counts as infinitely bad. */
select distinct on (batch_size)
    batch_size,
    learning_rate,
    next_smaller,
    next_larger,
    median,
    lowest,
    highest
from (
    select
        batch_size,
        learning_rate,
        lag(learning_rate) over (partition by batch_size order by learning_rate) as next_smaller,
        lead(learning_rate) over (partition by batch_size order by learning_rate) as next_larger,
        percentile_cont(0.5) within group (order by coalesce(score, 'Infinity'))
            filter (where status in ('succeeded', 'diverged', 'stopped')) as median,
        min(score) as lowest,
        max(score) as highest
    from (
        select *, case when status = 'succeeded' then {score} end as score
        from batchsweep.result
        where {trials} and status <> 'skipped'
    ) trial
    group by batch_size, learning_rate
) cell
where median < 'Infinity'
order by batch_size, median, learning_rate
