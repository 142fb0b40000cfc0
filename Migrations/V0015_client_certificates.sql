-- Client certificates (RFC 8705): who a client's certificate names, and what has to be bound to one. SQLite changes the
-- list of authentication methods by making the table anew; the secrets go with it, for they would be deleted with the
-- clients that they belong to.

CREATE TABLE clients_made_anew (
    number                INTEGER PRIMARY KEY,
    client_id             TEXT NOT NULL UNIQUE CHECK (length(client_id) BETWEEN 1 AND 64),
    name                  TEXT NOT NULL CHECK (length(name) >= 1),
    kind                  TEXT NOT NULL CHECK (kind IN ('agent', 'gateway', 'resource', 'admin')),
    enabled               INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    auth                  TEXT NOT NULL CHECK (
        auth IN (
            'client_secret_basic', 'private_key_jwt', 'workload', 'tls_client_auth', 'self_signed_tls_client_auth',
            'spiffe_jwt', 'spiffe_x509'
        )
    ),
    jwks                  TEXT,
    jwks_uri              TEXT,
    scopes                TEXT NOT NULL,
    resources             TEXT NOT NULL,
    grants                TEXT NOT NULL,
    acts_as               TEXT,
    exchange_scopes       TEXT,
    workloads             TEXT,
    tier                  TEXT,
    token_ttl             INTEGER CHECK (token_ttl BETWEEN 1 AND 900),
    owner                 TEXT,
    purpose               TEXT,
    type                  TEXT,
    version               TEXT,
    created_at            INTEGER NOT NULL,
    revision              INTEGER NOT NULL CHECK (revision >= 1),
    max_task_life         INTEGER CHECK (max_task_life BETWEEN 1 AND 2592000),
    max_task_tokens       INTEGER CHECK (max_task_tokens BETWEEN 1 AND 1000000),
    secret_lifetime       INTEGER CHECK (secret_lifetime >= 1),
    certificate_name_kind TEXT CHECK (
        certificate_name_kind IN ('subject_dn', 'san_dns', 'san_uri', 'san_ip', 'san_email')
    ),
    certificate_name      TEXT CHECK (length(certificate_name) BETWEEN 1 AND 1024),
    certificate_bound     INTEGER NOT NULL DEFAULT 0 CHECK (certificate_bound IN (0, 1)),
    forwards_certificates INTEGER NOT NULL DEFAULT 0 CHECK (forwards_certificates IN (0, 1)),
    CHECK (jwks IS NULL OR jwks_uri IS NULL),
    CHECK ((certificate_name IS NULL) = (certificate_name_kind IS NULL)),
    CHECK ((auth = 'tls_client_auth') = (certificate_name IS NOT NULL))
) STRICT;

INSERT INTO clients_made_anew (
    number, client_id, name, kind, enabled, auth, jwks, jwks_uri, scopes, resources, grants, acts_as, exchange_scopes,
    workloads, tier, token_ttl, owner, purpose, type, version, created_at, revision, max_task_life, max_task_tokens,
    secret_lifetime
)
SELECT
    number, client_id, name, kind, enabled, auth, jwks, jwks_uri, scopes, resources, grants, acts_as, exchange_scopes,
    workloads, tier, token_ttl, owner, purpose, type, version, created_at, revision, max_task_life, max_task_tokens,
    secret_lifetime
FROM clients;

CREATE TABLE client_secrets_made_anew (
    client     INTEGER NOT NULL REFERENCES clients_made_anew (number) ON DELETE CASCADE,
    position   INTEGER NOT NULL CHECK (position >= 0),
    digest     BLOB NOT NULL CHECK (length(digest) = 32),
    expires_at INTEGER,
    PRIMARY KEY (client, position)
) STRICT, WITHOUT ROWID;

INSERT INTO client_secrets_made_anew (client, position, digest, expires_at)
SELECT client, position, digest, expires_at FROM client_secrets;

DROP TABLE client_secrets;
DROP TABLE clients;
-- The reference follows.
ALTER TABLE clients_made_anew RENAME TO clients;
ALTER TABLE client_secrets_made_anew RENAME TO client_secrets;

ALTER TABLE resources
ADD COLUMN require_certificate INTEGER NOT NULL DEFAULT 0 CHECK (require_certificate IN (0, 1));
