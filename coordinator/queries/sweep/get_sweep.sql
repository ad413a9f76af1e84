-- get_sweep
select
    sweep.sweep_id,
    sweep.name,
    sweep.spec,
    sweep.source,
    sweep.created_at,
    sweep.weight,
    sweep.tags,
    case when progress.state = 'paused' then sweep.pause_reason end as pause_reason,
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
from core.sweep
join core.sweep_progress progress using (sweep_id)
where sweep.sweep_id = $1
