/** Numbered by position; one that has been released is never changed, only followed by another. */
export const migrations: readonly string[] = [
  `
  CREATE TABLE image (
    id TEXT PRIMARY KEY,            -- digest of the configuration: sha256:…
    config TEXT NOT NULL,           -- the configuration's JSON, byte for byte
    chain TEXT NOT NULL,            -- JSON array of chain ids, lowest first
    size INTEGER NOT NULL,          -- bytes of the unpacked layers
    created_at INTEGER NOT NULL,    -- ms, when it entered this store
    retained INTEGER NOT NULL DEFAULT 0 -- 1: removed by force, kept for a container that was made from it
  );
  CREATE TABLE image_reference (
    name TEXT PRIMARY KEY,          -- repository:tag, normalised as Docker shows it
    image TEXT NOT NULL REFERENCES image (id)
  );
  CREATE TABLE layer (
    chain TEXT PRIMARY KEY,         -- chain id: sha256:…
    diff TEXT NOT NULL,             -- digest of the uncompressed tar
    parent TEXT,
    size INTEGER NOT NULL,          -- bytes of its files
    tar_size INTEGER NOT NULL       -- bytes of the uncompressed tar
  );
  CREATE TABLE container (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    image TEXT NOT NULL,
    created_at INTEGER NOT NULL,    -- ms
    record TEXT NOT NULL            -- JSON, engine/record.ts
  );
  CREATE TABLE address (
    network TEXT NOT NULL,
    address TEXT NOT NULL,
    owner TEXT NOT NULL,            -- container or VM
    PRIMARY KEY (network, address)
  );
  CREATE INDEX address_owner ON address (owner);
  CREATE TABLE vm (
    name TEXT PRIMARY KEY,
    record TEXT NOT NULL            -- JSON, engine/vm-record.ts
  );
  CREATE TABLE counter (
    name TEXT PRIMARY KEY,
    value INTEGER NOT NULL
  );
  CREATE TABLE setting (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
  );
  `,
  `
  CREATE TABLE event (
    id INTEGER PRIMARY KEY,         -- in the order in which they happened
    body TEXT NOT NULL              -- JSON, engine/event-history.ts
  );
  `,
  `
  CREATE TABLE volume (
    name TEXT PRIMARY KEY,
    created_at TEXT NOT NULL,       -- RFC 3339
    labels TEXT NOT NULL,           -- JSON: an object, or null
    options TEXT NOT NULL,          -- JSON: an object, or null
    removing INTEGER NOT NULL DEFAULT 0 -- 1: its directory goes, then this row
  );
  `,
];
