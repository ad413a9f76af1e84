-- list_sweeps: newest first, those before $1 (NULL: from the start)
with page as (
    select *
    from core.sweep
    where $1::uuid is null
        or (created_at, sweep_id) < (select before.created_at, before.sweep_id from core.sweep before where before.sweep_id = $1)
    order by created_at desc, sweep_id desc
    limit $2
)
select
    page.sweep_id,
    page.name,
    page.spec,
    '' as "source!",
    page.created_at,
    page.weight,
    page.tags,
    case when progress.state = 'paused' then page.pause_reason end as pause_reason,
    progress.state as "state!",
    progress.pending as "pending!",
    progress.running as "running!",
    progress.succeeded as "succeeded!",
    progress.diverged as "diverged!",
    progress.infeasible as "infeasible!",
    progress.failed as "failed!",
    progress.cancelled as "cancelled!",
    progress.undecided as "undecided!",
    progress.stopped as "stopped!",
    progress.skipped as "skipped!",
    progress.finished_at
from page
join core.sweep_progress progress using (sweep_id)
order by page.created_at desc, page.sweep_id desc
