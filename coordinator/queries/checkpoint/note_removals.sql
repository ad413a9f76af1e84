-- note_removals: worker $1 has removed these; where more was asked for meanwhile, that is still to be done
delete from core.checkpoint_removal
using unnest($2::uuid[], $3::integer[]) as removed (trial_id, attempt)
where checkpoint_removal.worker_id = $1
    and checkpoint_removal.trial_id = any (array[removed.trial_id])
    and checkpoint_removal.attempt = removed.attempt
