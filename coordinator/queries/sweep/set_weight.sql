-- set_weight
update core.sweep
set weight = $2
where sweep_id = $1
