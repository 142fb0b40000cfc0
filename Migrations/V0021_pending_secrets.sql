-- Which of a client's secrets a pending version holds: taken back when the version does not become current, also when its
-- box is gone or does not open.
ALTER TABLE rotations ADD COLUMN pending_digest BLOB;
