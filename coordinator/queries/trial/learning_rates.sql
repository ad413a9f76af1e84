-- learning_rates
select distinct learning_rate
from core.trial
where sweep_id = $1
order by learning_rate
