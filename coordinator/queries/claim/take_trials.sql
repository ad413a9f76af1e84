-- take_trials: hands out at most $1 trials, those that run code of users only where $2 says so. Sweeps with trials waiting are found by hopping over the queue's index; each
-- gets its share by turns, those with the fewest running trials for their weight first; then each share is locked in queue order.
-- No trial waits for an hour: where it is said to, the clock was set back.
with recursive waiting (sweep_id) as (
    (
        select sweep_id
        from core.trial_state
        where status = 'pending'
        order by sweep_id
        limit 1
    )
    union all
    select (
        select next.sweep_id
        from core.trial_state next
        where next.status = 'pending' and next.sweep_id > waiting.sweep_id
        order by next.sweep_id
        limit 1
    )
    from waiting
    where waiting.sweep_id is not null
),
held as (
    select sweep_id, count(*) as running
    from core.lease
    group by sweep_id
),
turn as (
    select sweep.sweep_id, (coalesce(held.running, 0) + ready.place) / sweep.weight as turn
    from waiting
    join core.sweep using (sweep_id)
    left join held using (sweep_id)
    cross join lateral (
        select row_number() over () as place
        from (
            select
            from core.trial_state
            where trial_state.sweep_id = sweep.sweep_id and status = 'pending'
                and (run_after <= now() or run_after > now() + interval '1 hour')
            order by priority desc, run_after, trial_id
            limit $1
        ) first
    ) ready
    where not sweep.paused and sweep.cancelled is null and (not sweep.runs_code or $2)
    order by turn, sweep.sweep_id
    limit $1
),
share as (
    select sweep_id, count(*) as trials
    from turn
    group by sweep_id
),
-- Materialized: run again for each row of a join, it would lock and hand out more than asked for.
chosen as materialized (
    select picked.trial_id
    from share
    cross join lateral (
        select trial_id
        from core.trial_state
        where trial_state.sweep_id = share.sweep_id and status = 'pending'
            and (run_after <= now() or run_after > now() + interval '1 hour')
        order by priority desc, run_after, trial_id
        limit share.trials
        for update skip locked
    ) picked
)
update core.trial_state state
set status = 'running', attempt = state.attempt + 1
-- As an array, which Postgres takes to be short and looks up by key; it would take a join to be long and read all trials.
-- The second look at the status is not written as the queue's condition, or all of the queue's index would be read too.
where state.trial_id = any (array(select chosen.trial_id from chosen))
    and state.status <> 'running'
    and state.ended_at is null
returning state.trial_id, state.sweep_id, state.attempt
