-- forget_failures: of a sweep that somebody wants to go on
update core.sweep_breaker
set failures_in_a_row = 0
where sweep_id = $1 and failures_in_a_row > 0
