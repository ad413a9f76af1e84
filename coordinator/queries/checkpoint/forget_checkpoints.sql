-- forget_checkpoints
delete from core.checkpoint
where trial_id = any($1)
