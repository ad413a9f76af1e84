-- note_use: to the minute, so that it costs next to nothing
update core.token
set used_at = now()
where token_id = $1 and (used_at is null or used_at < now() - interval '1 minute')
