-- attempt_rows: a page, trial ids rise in grid order
select line.trial_id as "trial_id!", 0::bigint as "step!", row_to_json(line)::text as "row!"
from batchsweep.attempt line
where line.sweep_id = $1
    and ($2::text is null or line.trial_id = $2)
    and ($3::text is null or line.trial_id collate "C" > $3)
order by line.trial_id collate "C", line.attempt
limit $4
