-- move_watermark
update core.lease
set acked_seq = $3
where trial_id = $1 and attempt = $2
