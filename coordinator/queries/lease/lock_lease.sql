-- lock_lease: for one write of its holder
select acked_seq
from core.lease
where trial_id = $1 and attempt = $2 and token = $3
for update
