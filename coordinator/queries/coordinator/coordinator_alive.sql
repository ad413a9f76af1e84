-- coordinator_alive: notes that it lives; a gap of more than $2 seconds starts its grace anew, and so does a clock that was
-- set back. Tells whether it has been able to renew leases for at least $3 seconds, and so may end those that were not.
update core.coordinator
set
    seen_at = now(),
    healthy_since = case
        when now() - seen_at > make_interval(secs => $2) then now()
        else least(healthy_since, now())
    end
where coordinator_id = $1
returning now() - healthy_since >= make_interval(secs => $3) as "grace_over!"
