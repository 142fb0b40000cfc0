-- What the vault keeps for agents. Definitions are plain; values are sealed, each in a box that opens in its place only.

-- Secrets have a number so that a start reads them and their rules side by side, each table from end to end.
CREATE TABLE secrets (
    number           INTEGER PRIMARY KEY,
    name             TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 255),
    kind             TEXT NOT NULL CHECK (kind IN ('static', 'generated', 'oauth', 'client')),
    client_id        TEXT,
    description      TEXT,
    resource         TEXT,
    lease_ttl        INTEGER NOT NULL CHECK (lease_ttl BETWEEN 1 AND 86400),
    rotate_every     INTEGER CHECK (rotate_every >= 1),
    rotate_grace     INTEGER CHECK (rotate_grace >= 0),
    rotate_length    INTEGER CHECK (rotate_length BETWEEN 16 AND 1024),
    rotate_webhook   TEXT,
    rotate_private   INTEGER CHECK (rotate_private IN (0, 1)),
    rotate_on_revoke INTEGER CHECK (rotate_on_revoke IN (0, 1)),
    inject_header    TEXT,
    inject_format    TEXT,
    current          INTEGER CHECK (current BETWEEN 1 AND latest),
    latest           INTEGER NOT NULL CHECK (latest >= 0),
    created_at       INTEGER NOT NULL,
    revision         INTEGER NOT NULL CHECK (revision >= 1),
    CHECK ((kind = 'client') = (client_id IS NOT NULL)),
    CHECK ((inject_header IS NULL) = (inject_format IS NULL)),
    CHECK ((rotate_every IS NULL) = (rotate_grace IS NULL))
) STRICT;

CREATE TABLE secret_rules (
    secret    INTEGER NOT NULL REFERENCES secrets (number) ON DELETE CASCADE,
    position  INTEGER NOT NULL CHECK (position >= 0),
    rule_id   TEXT NOT NULL CHECK (length(rule_id) BETWEEN 1 AND 128),
    client_id TEXT,
    subject   TEXT,
    scope     TEXT,
    resource  TEXT NOT NULL,
    PRIMARY KEY (secret, position),
    CHECK (client_id IS NOT NULL OR subject IS NOT NULL)
) STRICT, WITHOUT ROWID;

-- A destroyed version keeps its row, so that its number is never given again, but not its box.
CREATE TABLE secret_versions (
    secret         INTEGER NOT NULL REFERENCES secrets (number) ON DELETE CASCADE,
    version        INTEGER NOT NULL CHECK (version >= 1),
    state          TEXT NOT NULL CHECK (state IN ('pending', 'live', 'deleted', 'destroyed')),
    box            BLOB CHECK (length(box) >= 33),
    created_at     INTEGER NOT NULL,
    readable_until INTEGER,
    PRIMARY KEY (secret, version),
    CHECK ((state = 'destroyed') = (box IS NULL))
) STRICT;

-- Every release of a value, with all by which the token it stands on can be revoked. Kept until its time has passed.
CREATE TABLE leases (
    lease_id        TEXT PRIMARY KEY NOT NULL CHECK (length(lease_id) BETWEEN 1 AND 64),
    secret          TEXT NOT NULL,
    version         INTEGER NOT NULL CHECK (version >= 1),
    rule_id         TEXT NOT NULL,
    jti             TEXT NOT NULL,
    token_issued_at INTEGER NOT NULL,
    kid             TEXT,
    subject         TEXT NOT NULL,
    client_id       TEXT NOT NULL,
    agent_id        TEXT,
    delegation_id   TEXT,
    task            TEXT,
    session         TEXT,
    actors          TEXT,
    issued_at       INTEGER NOT NULL,
    expires_at      INTEGER NOT NULL,
    ended_at        INTEGER,
    end_reason      TEXT,
    CHECK ((ended_at IS NULL) = (end_reason IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX leases_by_end ON leases (expires_at);

-- How far leases were compared with tombstones.
CREATE TABLE lease_sweep (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    swept INTEGER NOT NULL CHECK (swept >= 0)
) STRICT;

INSERT INTO lease_sweep (one, swept) VALUES (1, 0);
