-- insert_lineage: attempt $2 goes on from attempt $3 after its record $4, and so from whatever that one went on from
with ancestor as (
    select trial_id, attempt
    from core.attempt
    where trial_id = $1 and attempt = $3 and attempt < $2 and acked_seq >= $4
        and not exists (select from core.lineage where trial_id = $1 and attempt = $2)
        and not exists (select from core.metric where trial_id = $1 and attempt = $2)
        and not exists (select from core.split where trial_id = $1 and attempt = $2)
)
insert into core.lineage (trial_id, attempt, ancestor, last_seq)
select trial_id, $2, attempt, $4
from ancestor
union all
select lineage.trial_id, $2, lineage.ancestor, lineage.last_seq
from ancestor
join core.lineage using (trial_id, attempt)
