-- expired_leases: skips what a heartbeat is renewing at this moment. One that ends later than any of $2 seconds can was given
-- before the clock was set back: from now on it has the usual time.
with late as (
    update core.lease
    set expires_at = now() + make_interval(secs => $2::double precision)
    where trial_id = any (array(
        select trial_id
        from core.lease
        where expires_at > now() + make_interval(secs => 2 * $2::double precision) + interval '1 minute'
        order by trial_id
        limit $1
        for update skip locked
    ))
)
select trial_id
from core.lease
where expires_at < now()
order by trial_id
limit $1
for update skip locked
