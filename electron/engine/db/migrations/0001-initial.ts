// The first schema. Numbered migrations only ever add; user_version says how many have run.
export const sql = `
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL CHECK (json_valid(value))) STRICT, WITHOUT ROWID;

-- A dataset is one root folder read in one way. Images stay where they are.
-- Ids are never given twice: stored comparisons name items and datasets that may be gone.
CREATE TABLE dataset (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL,
  root TEXT NOT NULL,
  list TEXT,                                   -- the CSV/JSON it was read from, or null for a folder
  demo INTEGER NOT NULL DEFAULT 0,
  state TEXT NOT NULL CHECK (state IN ('importing','ready','offline')),
  label_source TEXT NOT NULL DEFAULT 'none' CHECK (label_source IN ('folders','list','none')),
  split_source TEXT NOT NULL DEFAULT 'none' CHECK (split_source IN ('folders','list','stratified','none')),
  split_seed INTEGER NOT NULL DEFAULT 0,
  test_fraction REAL NOT NULL DEFAULT 0.2,
  created_at INTEGER NOT NULL                  -- ms since 1970, as every *_at
) STRICT;

CREATE TABLE class (
  id INTEGER PRIMARY KEY,
  dataset_id INTEGER NOT NULL REFERENCES dataset ON DELETE CASCADE,
  name TEXT NOT NULL,
  position INTEGER NOT NULL,
  UNIQUE (dataset_id, name)
) STRICT;

CREATE TABLE item (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  dataset_id INTEGER NOT NULL REFERENCES dataset ON DELETE CASCADE,
  path TEXT NOT NULL,                          -- relative to the root, '/' between names
  hash TEXT NOT NULL DEFAULT '',               -- SHA-256 of the content, hex; '' when unreadable
  size INTEGER NOT NULL DEFAULT 0,
  mtime INTEGER NOT NULL DEFAULT 0,
  width INTEGER NOT NULL DEFAULT 0,            -- upright
  height INTEGER NOT NULL DEFAULT 0,
  format TEXT NOT NULL DEFAULT '',
  class_id INTEGER REFERENCES class ON DELETE SET NULL,
  -- OR, not IN: SQLite makes a table for an IN list with each row, which is a third of an import's time.
  label_by TEXT CHECK (label_by = 'folders' OR label_by = 'list' OR label_by = 'user'),  -- who set class_id: only 'user' survives a move to another folder
  split TEXT CHECK (split = 'train' OR split = 'val' OR split = 'test'),
  folder_split TEXT CHECK (folder_split = 'train' OR folder_split = 'val' OR folder_split = 'test'),  -- what the folders or the list said, kept when stratified
  status TEXT NOT NULL DEFAULT 'ok' CHECK (status = 'ok' OR status = 'problem' OR status = 'offline'),
  reason TEXT,
  verified INTEGER NOT NULL DEFAULT 0,         -- fully decoded once
  UNIQUE (dataset_id, path)
) STRICT;
CREATE INDEX item_by_hash ON item (dataset_id, hash);
-- Holds all that the counts of a dataset need, so that counting never reads the table.
CREATE INDEX item_by_class ON item (dataset_id, class_id, split, status, verified);

-- Append-only: who or what set which label when, and what it was. Undo is a read of this.
CREATE TABLE label_log (
  id INTEGER PRIMARY KEY,
  dataset_id INTEGER NOT NULL REFERENCES dataset ON DELETE CASCADE,
  item_id INTEGER NOT NULL,
  hash TEXT NOT NULL,
  label TEXT,
  previous TEXT,
  source TEXT NOT NULL,                        -- 'folders', 'list', 'moved', 'user' ...
  at INTEGER NOT NULL
) STRICT;
CREATE INDEX label_log_by_item ON label_log (item_id, id);
CREATE INDEX label_log_by_user ON label_log (dataset_id, hash, id) WHERE source = 'user';   -- a label comes back with its content

CREATE TABLE job (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  title TEXT NOT NULL,
  params TEXT NOT NULL CHECK (json_valid(params)),
  status TEXT NOT NULL CHECK (status IN ('queued','running','paused','interrupted','done','failed','cancelled')),
  done INTEGER NOT NULL DEFAULT 0,
  total INTEGER NOT NULL DEFAULT 0,
  note TEXT NOT NULL DEFAULT '',
  result TEXT CHECK (result IS NULL OR json_valid(result)),
  error TEXT CHECK (error IS NULL OR json_valid(error)),
  created_at INTEGER NOT NULL,
  started_at INTEGER,
  ended_at INTEGER
) STRICT;
CREATE INDEX job_by_status ON job (status, id);
CREATE TABLE job_log (id INTEGER PRIMARY KEY, job_id INTEGER NOT NULL REFERENCES job ON DELETE CASCADE, at INTEGER NOT NULL, level TEXT NOT NULL, text TEXT NOT NULL) STRICT;
CREATE INDEX job_log_by_job ON job_log (job_id, id);
CREATE TABLE metric (
  job_id INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,
  name TEXT NOT NULL, step INTEGER NOT NULL, value REAL NOT NULL,
  PRIMARY KEY (job_id, name, step)
) STRICT, WITHOUT ROWID;

CREATE TABLE comparison (
  id INTEGER PRIMARY KEY,
  job_id INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,
  dataset_id INTEGER NOT NULL,                 -- no reference: a comparison outlives its dataset
  dataset_name TEXT NOT NULL,
  params TEXT NOT NULL CHECK (json_valid(params)),
  classes TEXT CHECK (classes IS NULL OR json_valid(classes)),   -- names, in the order of the class indices below
  test TEXT CHECK (test IS NULL OR json_valid(test)),            -- [{itemId, path, hash, label}] in the order of the blobs below
  expected INTEGER NOT NULL DEFAULT 0,
  report TEXT CHECK (report IS NULL OR json_valid(report)),
  created_at INTEGER NOT NULL
) STRICT;
-- Every prediction is stored: class index (uint16) and its probability (float32) per test item.
CREATE TABLE comparison_row (
  comparison_id INTEGER NOT NULL REFERENCES comparison ON DELETE CASCADE,
  method TEXT NOT NULL, model TEXT NOT NULL, shots TEXT NOT NULL, seed INTEGER NOT NULL,   -- seed -1: none
  metrics TEXT NOT NULL CHECK (json_valid(metrics)),
  predicted BLOB NOT NULL,
  probability BLOB NOT NULL,
  PRIMARY KEY (comparison_id, method, model, shots, seed)
) STRICT, WITHOUT ROWID;
`;
