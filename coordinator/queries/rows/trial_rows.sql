-- trial_rows: a page, trial ids rise in grid order
select line.trial_id as "trial_id!", 0::bigint as "step!", row_to_json(line)::text as "row!"
from batchsweep.trial line
where line.sweep_id = $1
    and ($2::text is null or line.trial_id = $2)
    and ($3::text is null or line.status = $3)
    and ($4::text is null or line.trial_id collate "C" > $4)
order by line.trial_id collate "C"
limit $5
