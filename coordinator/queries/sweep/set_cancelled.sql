-- set_cancelled: NULL undoes it
update core.sweep
set cancelled = $2
where sweep_id = $1
