-- forget_checkpoints: of trials that have a result. The worker that brought it removes what is in its own store; whoever made
-- an attempt before, or was killed right after, is asked to.
with forgotten as (
    delete from core.checkpoint
    where trial_id = any($1)
    returning trial_id
)
insert into core.checkpoint_removal (worker_id, trial_id, attempt)
select distinct made.worker_id, forgotten.trial_id, state.attempt
from forgotten
join core.trial_state state on state.trial_id = any (array[forgotten.trial_id])
join core.attempt made on made.trial_id = any (array[forgotten.trial_id])
on conflict on constraint checkpoint_removal_pkey do update
set attempt = excluded.attempt
