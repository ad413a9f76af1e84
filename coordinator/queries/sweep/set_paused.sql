-- set_paused
update core.sweep
set paused = $2
where sweep_id = $1
