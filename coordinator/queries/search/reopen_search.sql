-- reopen_search: what it left out may be decided on again
with reopened as (
    update core.search
    set is_over = false
    where sweep_id = $1
    returning sweep_id
)
update core.trial_state state
set status = 'undecided', ended_at = null
from reopened
where state.sweep_id = reopened.sweep_id and state.status = 'skipped'
