-- failures_in_a_row
select failures_in_a_row
from core.sweep_breaker
where sweep_id = $1
