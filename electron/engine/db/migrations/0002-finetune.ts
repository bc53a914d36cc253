// Runs of fine-tuning. Their weights lie as files in the data folder (finetunes/ID), as they are large.
export const sql = `
CREATE TABLE finetune (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  job_id INTEGER NOT NULL,                     -- no reference: a run outlives its job's row
  dataset_id INTEGER NOT NULL,
  dataset_name TEXT NOT NULL,
  params TEXT NOT NULL CHECK (json_valid(params)),
  settings TEXT NOT NULL CHECK (json_valid(settings)),
  epochs TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(epochs)),
  saved TEXT NOT NULL DEFAULT '[]' CHECK (json_valid(saved)),     -- ids of models
  report TEXT CHECK (report IS NULL OR json_valid(report)),
  created_at INTEGER NOT NULL
) STRICT;
`;
