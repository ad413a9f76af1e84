-- forget_checkpoint
delete from core.checkpoint
where trial_id = $1
