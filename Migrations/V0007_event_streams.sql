-- Who is told of revocations by security events, and what still has to be delivered.

CREATE TABLE event_receivers (
    receiver_id           TEXT PRIMARY KEY NOT NULL CHECK (length(receiver_id) BETWEEN 1 AND 128),
    endpoint              TEXT,
    client_id             TEXT,
    audience              TEXT NOT NULL CHECK (length(audience) >= 1),
    events                TEXT NOT NULL CHECK (length(events) >= 1),
    allow_private_network INTEGER NOT NULL CHECK (allow_private_network IN (0, 1)),
    enabled               INTEGER NOT NULL CHECK (enabled IN (0, 1)),
    authorization         BLOB,
    authorization_set_at  INTEGER,
    created_at            INTEGER NOT NULL,
    revision              INTEGER NOT NULL CHECK (revision >= 1),
    CHECK (endpoint IS NOT NULL OR client_id IS NOT NULL),
    CHECK ((authorization IS NULL) = (authorization_set_at IS NULL)),
    CHECK (authorization IS NULL OR endpoint IS NOT NULL)
) STRICT;

-- A client that polls has one stream, so that a poll needs no other name than the client's own.
CREATE UNIQUE INDEX event_receivers_by_client ON event_receivers (client_id) WHERE endpoint IS NULL;

-- A row is the claims of one event for one receiver. It goes when the receiver has acknowledged it.
CREATE TABLE event_queue (
    receiver_id TEXT NOT NULL REFERENCES event_receivers (receiver_id) ON DELETE CASCADE,
    jti         TEXT NOT NULL CHECK (length(jti) >= 1),
    claims      TEXT NOT NULL CHECK (length(claims) >= 2),
    created_at  INTEGER NOT NULL,
    PRIMARY KEY (receiver_id, jti)
) STRICT, WITHOUT ROWID;
