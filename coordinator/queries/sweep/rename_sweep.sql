-- rename_sweep
update core.sweep
set name = $2
where sweep_id = $1
