-- lock_for_removal: the sweeps of these that are there, so that nothing of them begins any more; and which have not ended
select sweep.sweep_id, progress.state as "state!"
from core.sweep
join core.sweep_progress progress using (sweep_id)
where sweep.sweep_id = any($1)
order by sweep.sweep_id
for update of sweep
