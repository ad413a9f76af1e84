-- grow_sweep: what it asks has more cells from now on
update core.sweep
set spec = $2
where sweep_id = $1
