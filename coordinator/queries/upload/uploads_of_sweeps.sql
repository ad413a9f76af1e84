-- uploads_of_sweeps: the files that trials of these read, and when the last of these was submitted
select sweep_upload.sha256, max(sweep.created_at) as "submitted_at!"
from core.sweep_upload
join core.sweep using (sweep_id)
where sweep.sweep_id = any($1)
group by sweep_upload.sha256
