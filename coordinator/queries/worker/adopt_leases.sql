-- adopt_leases: what an earlier process of worker $4 held, and the new one, $5, shows, is the new one's; renewed for $6 seconds
with shown as (
    select * from unnest($1::uuid[], $2::integer[], $3::bytea[]) as shown (trial_id, attempt, token)
),
held as (
    update core.lease
    set instance_id = $5, expires_at = clock_timestamp() + make_interval(secs => $6)
    from shown
    where lease.trial_id = any (array[shown.trial_id])
        and lease.attempt = shown.attempt
        and lease.token = shown.token
        and lease.worker_id = $4
)
update core.attempt
set instance_id = $5
from shown
where attempt.trial_id = any (array[shown.trial_id])
    and attempt.attempt = shown.attempt
    and attempt.token = shown.token
    and attempt.worker_id = $4
