-- The state of one docket server, format 3. SQLite keeps the comments inside the parentheses, so that
-- `sqlite3 FILE .schema` shows them.

CREATE TABLE meta (
    -- What is noted of the file: `commits`, how many changed something, and `term`, how many servers
    -- have opened it.
    --
    -- In all other tables a value is JSON, an instant is milliseconds since 1970 in UTC, and a revision
    -- is the number of the commit that last wrote the row:
    --     SELECT name, value ->> 'Cron' FROM specifications;
    --     SELECT datetime(instant / 1000, 'unixepoch'), runs.value ->> 'State'
    --     FROM runs JOIN specifications ON specifications.id = allocation
    --     WHERE name = 'report' ORDER BY instant DESC LIMIT 10;
    key TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE specifications (
    -- Allocations as they were pushed. In a value, Container is as the Engine API has it, Revision grows
    -- with every change of an allocation, and Uid is new whenever the name is created anew.
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    revision INTEGER NOT NULL,
    value TEXT NOT NULL
);

CREATE TABLE statuses (
    -- The status of allocations: what is known of their runs without reading them.
    name TEXT PRIMARY KEY,
    revision INTEGER NOT NULL,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE runs (
    -- One record for each instant, or for a span of missed ones. Moments in a value, such as Started,
    -- Ended and the first number of each step, are microseconds after the instant. Without a Trigger, a
    -- run was started by the schedule; without an Ended, it ended with its last attempt; without a Code,
    -- the exit code is 0, unless CodeUnknown is true; without an EngineName, the engine is `default`.
    -- Output has how many bytes are kept, and how many are left out.
    id INTEGER PRIMARY KEY,
    allocation INTEGER NOT NULL, -- the id of its specification
    instant INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    value TEXT NOT NULL,
    UNIQUE (allocation, instant)
);

CREATE TABLE outputs (
    -- What containers wrote, in pieces of at most 64 KiB. The record of the run has the sizes. A value has
    -- Streams, the positions at which a piece changes between standard output, which is first, and standard
    -- error; and Times, as far as they are known: positions and when the bytes from there on were written, in
    -- milliseconds since 1970, by turns and each as its distance from the one before.
    allocation INTEGER NOT NULL, -- the id of its specification
    instant INTEGER NOT NULL,
    part INTEGER NOT NULL, -- 1 is the container that every run has
    attempt INTEGER NOT NULL, -- counted from 1
    piece INTEGER NOT NULL, -- counted from 0
    revision INTEGER NOT NULL,
    value TEXT NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (allocation, instant, part, attempt, piece)
) WITHOUT ROWID;

CREATE TABLE journal (
    -- What happened to the server and to allocations.
    sequence INTEGER PRIMARY KEY,
    revision INTEGER NOT NULL,
    value TEXT NOT NULL
);

CREATE TABLE items (
    -- Small values in collections. meta: values that there are once, such as the id of the store, where
    -- it is served, and when its server was last known to run. lives: the servers that had the store.
    -- deleted: names that were deleted lately. claimed: specifications that runs under way still use.
    collection TEXT NOT NULL,
    key TEXT NOT NULL,
    revision INTEGER NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (collection, key)
) WITHOUT ROWID;
