-- When secrets change by themselves, and how far a change has got. One row for each secret with a rotation policy.
CREATE TABLE rotations (
    secret       INTEGER PRIMARY KEY REFERENCES secrets (number) ON DELETE CASCADE,
    every        INTEGER NOT NULL CHECK (every >= 1),
    since        INTEGER NOT NULL,
    due_at       INTEGER NOT NULL,
    next_at      INTEGER NOT NULL,
    pending      INTEGER CHECK (pending >= 1),
    announcement TEXT CHECK (length(announcement) BETWEEN 1 AND 64),
    failures     INTEGER NOT NULL CHECK (failures >= 0),
    reason       TEXT,
    revision     INTEGER NOT NULL CHECK (revision >= 1),
    CHECK ((pending IS NULL) = (announcement IS NULL))
) STRICT;

-- Two schedules for the secret of one client would undo each other's work.
CREATE UNIQUE INDEX secrets_by_client ON secrets (client_id) WHERE client_id IS NOT NULL;

-- Seconds that each secret of the client lives; without it they have no end.
ALTER TABLE clients ADD COLUMN secret_lifetime INTEGER CHECK (secret_lifetime >= 1);
