-- Who asks is about to submit a sweep with it: from now on it is as young as if it were sent again.
update core.upload
set uploaded_at = now()
where sha256 = $1
returning bytes
