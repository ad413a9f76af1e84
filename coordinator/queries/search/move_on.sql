-- move_on: to the number of the next decision, or to the end
update core.search
set decisions = $2, is_over = $3
where sweep_id = $1
