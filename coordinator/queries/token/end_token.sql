-- end_token: the one with this hash, where it has this name and counts; what it allowed
update core.token
set revoked_at = now(), used_at = now()
where hash = $1 and name = $2 and revoked_at is null and (expires_at is null or expires_at > now())
returning scopes
