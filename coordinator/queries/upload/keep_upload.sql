-- Sent again, a file is as young as if it were new.
insert into core.upload (sha256, name, bytes, uploaded_by)
values ($1, $2, $3, $4)
on conflict (sha256) do update
set uploaded_at = now()
