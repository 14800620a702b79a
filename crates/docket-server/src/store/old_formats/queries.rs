//! Queries that turn the tables of the formats 1 and 2, renamed to `old_…`, into keys and values of the
//! present format. Values may have keys that are null.

use docket_model::run::{StateWord, TriggerWord};

/// Collection, key and value of each small value.
pub(super) const ITEMS: &str = "
    SELECT 'lives', printf('%020d', number),
           json_object('Id', id, 'Started', started_at, 'Adopted', adopted_at)
    FROM old_lives
    UNION ALL
    SELECT 'deleted', name,
           json_object('Decided', strftime('%FT%R:%fZ', decided / 1000.0, 'unixepoch'),
                       'At', strftime('%FT%R:%fZ', at / 1000.0, 'unixepoch'))
    FROM old_deleted
    UNION ALL
    SELECT 'meta', CASE key WHEN 'store' THEN 'id' ELSE key END,
           CASE WHEN key IN ('counter', 'home', 'pause') THEN json(value) ELSE json_quote(value) END
    FROM old_meta WHERE key NOT IN ('commits', 'last_alive')
    UNION ALL
    -- The newest run shows that the server ran, too.
    SELECT * FROM (
        SELECT 'meta', 'last_alive', json_quote(at)
        FROM (SELECT value AS at FROM old_meta WHERE key = 'last_alive'
              UNION ALL
              SELECT strftime('%FT%R:%fZ', max(decided_at, ifnull(ended_at, 0)) / 1000.0, 'unixepoch')
              FROM old_runs WHERE id = (SELECT max(id) FROM old_runs))
        ORDER BY julianday(at) DESC LIMIT 1)";

/// Name, revision and value of each specification that is in force or that a run under way uses, and
/// whether it is in force.
pub(super) const SPECIFICATIONS: &str = "
    SELECT name, specification.revision,
           json_object('Position', position, 'Uid', uid, 'Revision', specification.revision,
                       'File', origin, 'Created', created_at, 'Scheduled', scheduled_at,
                       'Description', description, 'Labels', json(labels), 'Cron', cron,
                       'After', json(after), 'TimeZone', time_zone, 'Policies', json(policies),
                       'Container', json(container)),
           specification.revision = allocation.revision
    FROM old_allocations AS allocation JOIN old_specifications AS specification
         ON specification.revision = allocation.revision OR specification.revision IN
            (SELECT revision FROM old_runs AS run WHERE run.allocation = position AND run.state IN
             ('waiting', 'claimed', 'running', 'between-attempts', 'will-not-die'))
    ORDER BY position";

/// Name, what is decided, pruned and succeeded, suspension, count of records, the newest of them, whether
/// it is of missed instants, and the instants of those under way.
pub(super) const STATUSES: &str = "
    SELECT name, decided, pruned, succeeded, suspension,
           (SELECT count(*) FROM old_runs WHERE allocation = position),
           newest.instant, newest.state = 'missed',
           (SELECT json_group_array(instant)
            FROM (SELECT instant FROM old_runs WHERE allocation = position AND state IN
                  ('waiting', 'claimed', 'running', 'between-attempts', 'will-not-die')
                  ORDER BY instant))
    FROM old_allocations LEFT JOIN old_runs AS newest ON newest.allocation = position
         AND newest.instant = (SELECT max(instant) FROM old_runs WHERE allocation = position)
    ORDER BY position";

/// Sequence and value of each entry of the journal.
pub(super) const JOURNAL: &str = "
    SELECT id, json_object('At', at, 'Allocation', allocation, 'Event', json(event), 'By', by)
    FROM old_journal ORDER BY id";

/// The attempts of a run: the name of the engine was not noted; flags, and the exit code of a kill at Docker,
/// which was the only engine, become one cause.
const ATTEMPTS: &str = "
    (SELECT json_group_array(json(CASE
        WHEN value -> '$.Exit' IS NULL THEN json_set(value, '$.EngineName', NULL)
        ELSE json_set(value, '$.EngineName', NULL, '$.Exit.Cause', CASE
            WHEN value ->> '$.Exit.EngineWentDown' THEN 'EngineWentDown'
            WHEN value ->> '$.Exit.OutOfMemory' THEN 'OutOfMemory'
            WHEN value ->> '$.Exit.Code' = 137 THEN 'Killed' END) END))
     FROM json_each(attempts))";

/// Name, instant and value of each record of a run, and the position of its allocation.
pub(super) fn runs() -> String {
    // States and triggers had other words then, which the model still knows.
    let (state, trigger) =
        (word("state", StateWord::OLD_WORDS), word("trigger", TriggerWord::OLD_WORDS));
    format!(
        "SELECT name, instant, json_object(
            'Uid', uid, 'Revision', run.revision, 'Trigger', json(CASE run.trigger
                WHEN 'manual' THEN json_object('manual', json(ifnull(demand, '{{\"By\":\"\"}}')))
                ELSE json_quote(run.trigger) END),
            'State', json(CASE
                WHEN run.state IN ('waiting', 'starting', 'running', 'succeeded')
                    THEN json_quote(run.state)
                WHEN run.state = 'retrying' THEN json_object(run.state, json_object(
                    'Reason', reason,
                    'Until', strftime('%FT%R:%fZ', until / 1000.0, 'unixepoch')))
                WHEN run.state = 'missed' THEN json_object(run.state, json_object(
                    'Reason', reason,
                    'Last', strftime('%Y%m%dT%H%M%S', last / 1000, 'unixepoch') ||
                            CASE last % 1000 WHEN 0 THEN 'Z' ELSE printf('.%03dZ', last % 1000) END,
                    'Count', count))
                ELSE json_object(run.state, ifnull(reason, '')) END),
            'Cancellation', json(cancellation), 'Decided', 1000 * (decided_at - instant),
            'Ended', 1000 * (ended_at - instant), 'Attempts', json({ATTEMPTS})), run.allocation
        FROM (SELECT allocation, instant, revision, {trigger}, demand, {state}, reason, last, count,
                     until, cancellation, decided_at, ended_at, attempts FROM old_runs) AS run
        JOIN old_allocations ON position = run.allocation ORDER BY run.allocation, instant"
    )
}

/// A column whose old words are replaced by new ones.
fn word(column: &str, old_words: &[(&str, &str)]) -> String {
    let replaced = |(old, word): &(&str, &str)| format!("WHEN '{old}' THEN '{word}' ");
    let replaced: String = old_words.iter().map(replaced).collect();
    format!("CASE {column} {replaced}ELSE {column} END AS {column}")
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn flags_and_the_exit_code_of_a_kill_become_one_cause() {
        let sql = Connection::open_in_memory().unwrap();
        for (old, cause) in [
            (json!({}), None),
            (json!({"Exit": {"Code": 3}}), None),
            (json!({"Exit": {"Code": 137}}), Some("Killed")),
            (json!({"Exit": {"Code": 137, "OutOfMemory": true}}), Some("OutOfMemory")),
            (json!({"Exit": {"Code": 143, "EngineWentDown": true}}), Some("EngineWentDown")),
        ] {
            let query = format!("SELECT {ATTEMPTS} FROM (SELECT ?1 AS attempts)");
            let before = json!([old]).to_string();

            let attempts: String = sql.query_row(&query, [before], |row| row.get(0)).unwrap();

            let [attempt] = serde_json::from_str::<[Value; 1]>(&attempts).unwrap();
            assert_eq!(attempt["Exit"]["Cause"].as_str(), cause, "{attempt}");
            assert_eq!(attempt.get("Exit").is_some(), old.get("Exit").is_some());
        }
    }
}
