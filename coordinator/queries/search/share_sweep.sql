-- share_sweep: its flags stay as they are until the search has decided; nothing where it is not to decide
select
    spec,
    (
        select count(*)
        from core.worker
        where worker.expires_at >= now() and worker.drain is null and (worker.allows_code or not sweep.runs_code)
    ) as "workers!"
from core.sweep
where sweep_id = $1 and not paused and cancelled is null
for share
