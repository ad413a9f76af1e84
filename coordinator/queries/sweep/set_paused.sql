-- set_paused
update core.sweep
set paused = $2, pause_reason = $3
where sweep_id = $1
