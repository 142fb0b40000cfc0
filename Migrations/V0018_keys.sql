-- Where a signing key comes from. The schedule leaves one alone that somebody brought.
ALTER TABLE signing_keys ADD COLUMN origin TEXT NOT NULL DEFAULT 'made' CHECK (origin IN ('made', 'imported'));

-- Keys that sign nothing any more. Their private halves are gone; the public ones verify what they signed in archives. A
-- public half is sealed too: whoever can write here must not be able to put a key of his own among ours.
CREATE TABLE retired_keys (
    kid         TEXT PRIMARY KEY NOT NULL CHECK (length(kid) >= 1),
    alg         TEXT NOT NULL CHECK (alg IN ('ES256', 'Ed25519', 'RS256')),
    box         BLOB NOT NULL CHECK (length(box) > 0),
    origin      TEXT NOT NULL CHECK (origin IN ('made', 'imported')),
    created_at  INTEGER NOT NULL,
    active_from INTEGER NOT NULL,
    revoked_at  INTEGER,
    erased_at   INTEGER NOT NULL
) STRICT;

CREATE TRIGGER retired_keys_term_insert BEFORE INSERT ON retired_keys
WHEN EXISTS (SELECT 1 FROM removed_terms WHERE term = substr(NEW.box, 2, 4))
BEGIN SELECT RAISE(ABORT, 'sealed under a term that is gone'); END;

CREATE TRIGGER retired_keys_term_update BEFORE UPDATE OF box ON retired_keys
WHEN EXISTS (SELECT 1 FROM removed_terms WHERE term = substr(NEW.box, 2, 4))
BEGIN SELECT RAISE(ABORT, 'sealed under a term that is gone'); END;
