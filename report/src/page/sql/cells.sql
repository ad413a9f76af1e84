/* The score of each cell over its seeds; a repeat that diverged or was
   ended early counts as infinitely bad. */
select
    batch_size,
    learning_rate,
    case when median < 'Infinity' then median end as median,
    lowest,
    highest,
    scored,
    diverged,
    not_finite,
    missed,
    infeasible,
    stopped,
    failed,
    open,
    skipped
from (
    select
        batch_size,
        learning_rate,
        percentile_cont(0.5) within group (order by coalesce(score, 'Infinity'))
            filter (where status in ('succeeded', 'diverged', 'stopped')) as median,
        min(score) as lowest,
        max(score) as highest,
        count(score) as scored,
        count(*) filter (where status = 'diverged') as diverged,
        count(*) filter (where {not_finite}) as not_finite,
        count(*) filter (where {missed}) as missed,
        count(*) filter (where status = 'infeasible') as infeasible,
        count(*) filter (where status = 'stopped') as stopped,
        count(*) filter (where status in ('failed', 'cancelled')) as failed,
        count(*) filter (where status in ('undecided', 'pending', 'running')) as open,
        count(*) filter (where status = 'skipped') as skipped
    from (
        select *, case when status = 'succeeded' then {score} end as score
        from batchsweep.result
        where {trials}
    ) trial
    group by batch_size, learning_rate
) cell
order by batch_size, learning_rate
