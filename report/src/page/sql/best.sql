-- The learning rate with the lowest median score at each batch size; a diverged repeat counts as infinitely bad.
select distinct on (batch_size)
    batch_size,
    learning_rate,
    median,
    lowest,
    highest
from (
    select
        batch_size,
        learning_rate,
        percentile_cont(0.5) within group (order by coalesce(score, 'Infinity')) as median,
        min(score) as lowest,
        max(score) as highest
    from (
        select batch_size, learning_rate, case when status = 'succeeded' then {score} end as score
        from batchsweep.result
        where {trials}
            and status in ('succeeded', 'diverged')
    ) trial
    group by batch_size, learning_rate
) cell
where median < 'Infinity'
order by batch_size, median, learning_rate
