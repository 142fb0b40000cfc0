-- APIs whose tokens are another's, references that open once, and credentials that are planted to be stolen.

-- A third party's API is a kind of its own. SQLite cannot change a CHECK, so the table is made anew.
CREATE TABLE resources_with_third_parties (
    uri                 TEXT PRIMARY KEY NOT NULL CHECK (length(uri) BETWEEN 1 AND 512),
    name                TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 64),
    kind                TEXT NOT NULL CHECK (kind IN ('api', 'mcp', 'third-party')),
    enabled             INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    scopes              TEXT NOT NULL,
    signing_alg         TEXT NOT NULL CHECK (signing_alg IN ('ES256', 'Ed25519', 'RS256')),
    token_ttl           INTEGER CHECK (token_ttl BETWEEN 1 AND 900),
    include_agent_claim INTEGER NOT NULL CHECK (include_agent_claim IN (0, 1)),
    created_at          INTEGER NOT NULL,
    revision            INTEGER NOT NULL CHECK (revision >= 1),
    check_audit         TEXT NOT NULL DEFAULT 'all' CHECK (check_audit IN ('all', 'count')),
    status_list         INTEGER NOT NULL DEFAULT 0 CHECK (status_list IN (0, 1))
) STRICT;

INSERT INTO resources_with_third_parties (
    uri, name, kind, enabled, scopes, signing_alg, token_ttl, include_agent_claim, created_at, revision, check_audit,
    status_list
) SELECT
    uri, name, kind, enabled, scopes, signing_alg, token_ttl, include_agent_claim, created_at, revision, check_audit,
    status_list
FROM resources;

DROP TABLE resources;

ALTER TABLE resources_with_third_parties RENAME TO resources;

-- References to values, by their keyed digest. What the alert of a second opening says is kept longer than the lease.
CREATE TABLE wraps (
    digest      BLOB PRIMARY KEY NOT NULL CHECK (length(digest) = 32),
    lease_id    TEXT NOT NULL,
    secret      TEXT NOT NULL,
    wrapped_by  TEXT NOT NULL,
    wrapped_for TEXT,
    created_at  INTEGER NOT NULL,
    expires_at  INTEGER NOT NULL,
    opened_at   INTEGER,
    opened_by   TEXT,
    forget_at   INTEGER NOT NULL CHECK (forget_at >= expires_at),
    CHECK ((opened_at IS NULL) = (opened_by IS NULL))
) STRICT, WITHOUT ROWID;

CREATE INDEX wraps_by_end ON wraps (forget_at);

-- Worthless look-alikes, by their keyed digest, and where each was put.
CREATE TABLE canaries (
    canary_id  TEXT PRIMARY KEY NOT NULL CHECK (length(canary_id) BETWEEN 1 AND 64),
    digest     BLOB NOT NULL UNIQUE CHECK (length(digest) = 32),
    kind       TEXT NOT NULL CHECK (kind IN ('client-secret', 'token', 'api-key')),
    planted_in TEXT NOT NULL CHECK (length(planted_in) BETWEEN 1 AND 256),
    created_at INTEGER NOT NULL,
    uses       INTEGER NOT NULL CHECK (uses >= 0),
    first_used INTEGER,
    last_used  INTEGER,
    CHECK ((first_used IS NULL) = (uses = 0)),
    CHECK ((first_used IS NULL) = (last_used IS NULL))
) STRICT, WITHOUT ROWID;
