-- open_searches: those that may decide something, with what they would decide by; a search whose numbers are as they were at the
-- last look has nothing to decide
select
    search.sweep_id,
    progress.pending + progress.running as "open!",
    progress.trials - progress.undecided - progress.skipped as "begun!",
    coalesce(
        (
            select sum(state.attempt)
            from core.trial_state state
            where state.sweep_id = search.sweep_id and state.ended_at is not null
        ),
        0
    )::bigint as "attempts!",
    -- How far trials are matters only where they may be ended.
    case
        when search.stops then coalesce((select sum(lease.step) from core.lease where lease.sweep_id = search.sweep_id), 0)
        else 0
    end::bigint as "steps!",
    (
        select count(*)
        from core.worker
        where worker.expires_at >= now() and worker.drain is null and (worker.allows_code or not sweep.runs_code)
    ) as "workers!"
from core.search
join core.sweep on sweep.sweep_id = any (array[search.sweep_id])
join core.sweep_progress progress on progress.sweep_id = any (array[search.sweep_id])
where not search.is_over and not sweep.paused and sweep.cancelled is null
