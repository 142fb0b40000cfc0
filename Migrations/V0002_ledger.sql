-- What the ledger keeps beside the registry: tombstones, closed names, spent values, keys.

CREATE TABLE revocations (
    seq           INTEGER PRIMARY KEY,
    kind          TEXT NOT NULL CHECK (
        kind IN ('client', 'agent', 'task', 'session', 'delegation', 'subject', 'issuer', 'key', 'token')
    ),
    id            TEXT NOT NULL CHECK (length(id) >= 1),
    issued_before INTEGER NOT NULL,
    expires       INTEGER NOT NULL,
    reason        TEXT
) STRICT;

CREATE INDEX revocations_by_expiry ON revocations (expires);

-- Sequence numbers never come twice, also when everything has expired.
CREATE TABLE revocation_sequence (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    last INTEGER NOT NULL
) STRICT;

CREATE TABLE closed_names (
    kind  TEXT NOT NULL CHECK (kind IN ('task', 'session', 'agent')),
    id    TEXT NOT NULL CHECK (length(id) >= 1),
    until INTEGER,
    PRIMARY KEY (kind, id)
) STRICT, WITHOUT ROWID;

CREATE INDEX closed_names_by_end ON closed_names (until) WHERE until IS NOT NULL;

CREATE TABLE spent (
    digest  BLOB PRIMARY KEY NOT NULL CHECK (length(digest) = 32),
    expires INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX spent_by_expiry ON spent (expires);

CREATE TABLE signing_keys (
    kid         TEXT PRIMARY KEY NOT NULL CHECK (length(kid) >= 1),
    alg         TEXT NOT NULL CHECK (alg IN ('ES256', 'Ed25519', 'RS256')),
    box         BLOB NOT NULL CHECK (length(box) > 0),
    created_at  INTEGER NOT NULL,
    active_from INTEGER NOT NULL,
    revoked_at  INTEGER
) STRICT;

CREATE TABLE keyring_terms (
    number     INTEGER PRIMARY KEY CHECK (number >= 1),
    box        BLOB NOT NULL CHECK (length(box) > 0),
    created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE vault_keys (
    name TEXT PRIMARY KEY NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
    box  BLOB NOT NULL CHECK (length(box) > 0)
) STRICT;

-- Written to learn whether anything can be written.
CREATE TABLE probe (
    one   INTEGER PRIMARY KEY CHECK (one = 1),
    count INTEGER NOT NULL
) STRICT;
