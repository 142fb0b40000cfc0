-- What opens the vault. Every term of the keyring is wrapped once by the root key of each slot.

CREATE TABLE root_keys (
    slot       TEXT PRIMARY KEY NOT NULL CHECK (length(slot) BETWEEN 1 AND 64),
    kind       TEXT NOT NULL CHECK (kind IN ('file', 'passphrase')),
    salt       BLOB CHECK (length(salt) BETWEEN 16 AND 64),
    memory_kib INTEGER CHECK (memory_kib >= 1),
    passes     INTEGER CHECK (passes >= 1),
    lanes      INTEGER CHECK (lanes >= 1),
    created_at INTEGER NOT NULL,
    CHECK ((kind = 'passphrase') = (salt IS NOT NULL)),
    CHECK ((salt IS NULL) = (memory_kib IS NULL)),
    CHECK ((salt IS NULL) = (passes IS NULL)),
    CHECK ((salt IS NULL) = (lanes IS NULL))
) STRICT;

-- Until now there was one root key, in a file.
INSERT INTO root_keys (slot, kind, created_at)
SELECT 'unnamed', 'file', created_at FROM keyring_terms ORDER BY number LIMIT 1;

CREATE TABLE wrapped_terms (
    slot   TEXT NOT NULL REFERENCES root_keys (slot) ON DELETE CASCADE,
    number INTEGER NOT NULL CHECK (number >= 1),
    box    BLOB NOT NULL CHECK (length(box) > 0),
    PRIMARY KEY (slot, number)
) STRICT;

INSERT INTO wrapped_terms (slot, number, box) SELECT 'unnamed', number, box FROM keyring_terms;

ALTER TABLE keyring_terms DROP COLUMN box;

-- Fingerprints of root keys that open nothing any more, while their files may still be there.
CREATE TABLE root_key_leftovers (
    fingerprint TEXT PRIMARY KEY NOT NULL CHECK (length(fingerprint) BETWEEN 1 AND 64)
) STRICT;

-- Terms that are gone, as they stand in a box: nothing may be stored that nobody can open.
CREATE TABLE removed_terms (
    term       BLOB PRIMARY KEY NOT NULL CHECK (length(term) = 4),
    removed_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
