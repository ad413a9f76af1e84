-- note_results: trials that have a result end their sweeps' rows of failures; locked in one order
with failing as materialized (
    select sweep_id
    from core.sweep_breaker
    where failures_in_a_row > 0
        and sweep_id = any (array(select trial.sweep_id from core.trial where trial.trial_id = any($1)))
    order by sweep_id
    for update
)
update core.sweep_breaker
set failures_in_a_row = 0
from failing
where sweep_breaker.sweep_id = any (array[failing.sweep_id])
