-- take_turn: reports of one trial go one after the other. One that writes its rows before it locks the lease, and one that
-- locks the lease first, would else wait for each other. Nothing else locks this row, and no reader can.
select trial_id
from core.trial
where trial_id = $1
for no key update
