-- keep_checkpoint: the newest one of a trial; where it is further than all before, the trial starts its count of failures anew
with before as (
    select coalesce(max(furthest_step), 0) as step
    from core.checkpoint
    where trial_id = $1
),
kept as (
    insert into core.checkpoint (
        trial_id, attempt, step, examples, last_seq, path, sha256, bytes, furthest_step
    )
    values ($1, $2, $3, $4, $5, $6, $7, $8, $3)
    on conflict on constraint checkpoint_pkey do update
    set
        attempt = excluded.attempt,
        step = excluded.step,
        examples = excluded.examples,
        last_seq = excluded.last_seq,
        path = excluded.path,
        sha256 = excluded.sha256,
        bytes = excluded.bytes,
        furthest_step = greatest(checkpoint.furthest_step, excluded.furthest_step),
        saved_at = now()
    where (checkpoint.attempt, checkpoint.step) < (excluded.attempt, excluded.step)
),
further as (
    update core.attempt
    set got_further = true
    from before
    where attempt.trial_id = $1 and attempt.attempt = $2 and $3 > before.step and not attempt.got_further
)
update core.trial_state state
set failures = 0, preemptions = 0
from before
where state.trial_id = $1 and $3 > before.step and (state.failures > 0 or state.preemptions > 0)
