-- Boxes by the term that sealed them: a rotation of the keyring finds what it has to seal anew, and sees the end of it,
-- without reading whole tables.
CREATE INDEX secret_versions_by_term ON secret_versions (substr(box, 2, 4)) WHERE box IS NOT NULL;

CREATE INDEX connections_by_term ON connections (substr(box, 2, 4)) WHERE box IS NOT NULL;

-- A box that was sealed while its term was being removed would never open: it is not stored.

CREATE TRIGGER signing_keys_term_insert BEFORE INSERT ON signing_keys
WHEN EXISTS (SELECT 1 FROM removed_terms WHERE term = substr(NEW.box, 2, 4))
BEGIN SELECT RAISE(ABORT, 'sealed under a term that is gone'); END;

CREATE TRIGGER signing_keys_term_update BEFORE UPDATE OF box ON signing_keys
WHEN EXISTS (SELECT 1 FROM removed_terms WHERE term = substr(NEW.box, 2, 4))
BEGIN SELECT RAISE(ABORT, 'sealed under a term that is gone'); END;

CREATE TRIGGER vault_keys_term_insert BEFORE INSERT ON vault_keys
WHEN EXISTS (SELECT 1 FROM removed_terms WHERE term = substr(NEW.box, 2, 4))
BEGIN SELECT RAISE(ABORT, 'sealed under a term that is gone'); END;

CREATE TRIGGER vault_keys_term_update BEFORE UPDATE OF box ON vault_keys
WHEN EXISTS (SELECT 1 FROM removed_terms WHERE term = substr(NEW.box, 2, 4))
BEGIN SELECT RAISE(ABORT, 'sealed under a term that is gone'); END;

CREATE TRIGGER event_receivers_term_insert BEFORE INSERT ON event_receivers
WHEN EXISTS (SELECT 1 FROM removed_terms WHERE term = substr(NEW.authorization, 2, 4))
BEGIN SELECT RAISE(ABORT, 'sealed under a term that is gone'); END;

CREATE TRIGGER event_receivers_term_update BEFORE UPDATE OF authorization ON event_receivers
WHEN EXISTS (SELECT 1 FROM removed_terms WHERE term = substr(NEW.authorization, 2, 4))
BEGIN SELECT RAISE(ABORT, 'sealed under a term that is gone'); END;

CREATE TRIGGER secret_versions_term_insert BEFORE INSERT ON secret_versions
WHEN EXISTS (SELECT 1 FROM removed_terms WHERE term = substr(NEW.box, 2, 4))
BEGIN SELECT RAISE(ABORT, 'sealed under a term that is gone'); END;

CREATE TRIGGER secret_versions_term_update BEFORE UPDATE OF box ON secret_versions
WHEN EXISTS (SELECT 1 FROM removed_terms WHERE term = substr(NEW.box, 2, 4))
BEGIN SELECT RAISE(ABORT, 'sealed under a term that is gone'); END;

CREATE TRIGGER connections_term_insert BEFORE INSERT ON connections
WHEN EXISTS (SELECT 1 FROM removed_terms WHERE term = substr(NEW.box, 2, 4))
BEGIN SELECT RAISE(ABORT, 'sealed under a term that is gone'); END;

CREATE TRIGGER connections_term_update BEFORE UPDATE OF box ON connections
WHEN EXISTS (SELECT 1 FROM removed_terms WHERE term = substr(NEW.box, 2, 4))
BEGIN SELECT RAISE(ABORT, 'sealed under a term that is gone'); END;
