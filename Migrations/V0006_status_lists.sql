-- Tokens whose status stands in a list, for as long as they live. An index is never given twice: a list is filled only
-- by the process that opened it, so a row may go when its token has expired.

ALTER TABLE resources ADD COLUMN status_list INTEGER NOT NULL DEFAULT 0 CHECK (status_list IN (0, 1));

-- A jti begins with the time, so this table grows at its end.
CREATE TABLE status_entries (
    jti           TEXT PRIMARY KEY NOT NULL CHECK (length(jti) >= 1),
    list          TEXT NOT NULL CHECK (length(list) >= 1),
    idx           INTEGER NOT NULL CHECK (idx >= 0),
    issued_at     INTEGER NOT NULL,
    expires_at    INTEGER NOT NULL,
    kid           TEXT,
    subject       TEXT NOT NULL,
    client_id     TEXT NOT NULL,
    agent_id      TEXT,
    delegation_id TEXT,
    task          TEXT,
    session       TEXT,
    actors        TEXT,
    resource      TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX status_entries_by_expiry ON status_entries (expires_at);
