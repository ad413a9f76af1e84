-- lock_sweep: before its flags are changed, so that two changes follow one another
select sweep.cancelled, sweep.paused, progress.state as "state!", progress.pending + progress.undecided as "waiting!"
from core.sweep
join core.sweep_progress progress using (sweep_id)
where sweep.sweep_id = $1
for no key update of sweep
