-- expired_leases: skips what a heartbeat is renewing at this moment
select trial_id
from core.lease
where expires_at < now()
order by trial_id
limit $1
for update skip locked
