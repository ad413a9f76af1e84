select upload.bytes
from core.trial
join core.sweep_upload using (sweep_id)
join core.upload using (sha256)
where trial.trial_id = $1 and upload.sha256 = $2
