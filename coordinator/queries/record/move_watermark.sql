-- move_watermark: from $4 to $3, unless somebody else has moved it, or the attempt is over
update core.lease
set acked_seq = $3
where trial_id = $1 and attempt = $2 and acked_seq = $4
