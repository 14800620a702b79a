-- The state of one docket server. `sqlite3` shows these comments with `.schema`.
-- Moments are milliseconds since 1970 in UTC: SELECT datetime(instant / 1000, 'unixepoch').
-- Those that are rarely written are RFC 3339 texts.

CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    -- store: an id made once, for the labels of containers. counter: the greatest position or
    -- revision given so far. last_alive: when the server was last known to run.
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE allocations (
    position INTEGER PRIMARY KEY, -- in the order of creation; never given twice
    name TEXT NOT NULL UNIQUE,
    uid TEXT NOT NULL,            -- new whenever the name is created anew
    revision INTEGER NOT NULL,    -- of the specification in force
    origin TEXT,                  -- the file that defines it; none where it came over the API
    created_at TEXT NOT NULL,
    decided INTEGER,              -- the latest instant decided
    pruned INTEGER,               -- the latest instant whose record is not kept any more
    succeeded INTEGER,            -- the greatest instant for which a run succeeded
    suspension TEXT               -- JSON: the newest suspension by hand, over or not
);

-- A specification stays as long as it is in force, or a run under way uses it.
CREATE TABLE specifications (
    revision INTEGER PRIMARY KEY, -- greater with every change of the store
    scheduled_at TEXT NOT NULL,   -- no instant up to then is due
    description TEXT,
    labels TEXT,                  -- JSON
    cron TEXT,                    -- either this
    after TEXT,                   -- or this: a JSON list of names
    time_zone TEXT,
    policies TEXT,                -- JSON: those that are not the default
    container TEXT NOT NULL       -- JSON as the Engine API has it
);

-- One record for each instant, or for a span of missed ones.
CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    allocation INTEGER NOT NULL,  -- its position
    instant INTEGER NOT NULL,
    revision INTEGER NOT NULL,    -- of the specification that it used
    trigger TEXT NOT NULL,        -- Schedule, CatchUp, ByHand, AfterParent
    demand TEXT,                  -- JSON: what was wanted of a run by hand
    state TEXT NOT NULL,          -- in a word
    reason TEXT,                  -- why, in words
    last INTEGER,                 -- missed: the last instant of the span
    count INTEGER,                -- missed: how many instants
    until INTEGER,                -- between-attempts: when the next one begins
    cancellation TEXT,            -- JSON: who wants it to end
    decided_at INTEGER NOT NULL,
    ended_at INTEGER,
    attempts TEXT,                -- JSON; moments in it are microseconds after the instant
    UNIQUE (allocation, instant)
);

CREATE INDEX runs_under_way ON runs (allocation)
WHERE state IN ('waiting', 'claimed', 'running', 'between-attempts', 'will-not-die');

-- What the containers wrote, if anything: head and tail, where bytes were left out in between.
CREATE TABLE outputs (
    allocation INTEGER NOT NULL,
    instant INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    head BLOB NOT NULL,
    tail BLOB NOT NULL,
    omitted INTEGER NOT NULL,     -- bytes left out
    PRIMARY KEY (allocation, instant, attempt)
) WITHOUT ROWID;

-- Names that were deleted lately, so that one created anew does not repeat what was done.
CREATE TABLE deleted (
    name TEXT PRIMARY KEY,
    decided INTEGER NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE INDEX deleted_at ON deleted (at);

-- What happened to the server and to allocations.
CREATE TABLE journal (
    id INTEGER PRIMARY KEY,
    at TEXT NOT NULL,
    allocation TEXT,              -- its name; none where it was the server
    event TEXT NOT NULL,          -- JSON
    by TEXT                       -- who did it
);
