//! Records of runs of the formats 1 and 2. Each is put into the JSON of the present format and read from
//! that, so that what the words of states, triggers and reasons mean is written once.

use chrono::{DateTime, Utc};
use docket_model::{
    Allocation, Run,
    run::{Instant, ManualRequest, StateWord, TriggerWord},
};
use rusqlite::Row;
use serde_json::{Map, Value, json};

use super::{
    super::codec,
    values::{self, maybe_json},
};

/// What [`read`] needs, for a `SELECT` from `old_runs`.
pub(super) const COLUMNS: &str = "instant, revision, trigger, demand, state, reason, last, count, \
     until, cancellation, decided_at, ended_at, attempts";

/// Makes a record of a row with these columns. Rows know their allocation by its position only.
pub(super) fn read(row: &Row<'_>, allocation: &Allocation) -> rusqlite::Result<Run> {
    let instant = values::instant(row.get(0)?)?;
    let text = |column| row.get_ref(column).and_then(|value| Ok(value.as_str_or_null()?));
    let after = |column| -> rusqlite::Result<Option<i64>> {
        let at: Option<i64> = row.get(column)?;
        at.map(|at| Ok(micros_after(instant, values::moment(at)?))).transpose()
    };
    let attempts: Option<Vec<Map<String, Value>>> = maybe_json(text(12)?)?;
    let stored = json!({
        "Uid": allocation.uid.simple().to_string(),
        "Revision": values::count(row.get(1)?)?,
        "Trigger": trigger(row.get(2)?, maybe_json(text(3)?)?),
        "State": state(row)?,
        "Cancellation": maybe_json::<Value>(text(9)?)?,
        "Decided": after(10)?,
        "Ended": after(11)?,
        "Attempts": attempts.unwrap_or_default().into_iter().map(attempt).collect::<Vec<_>>(),
    });
    values::parsed(codec::decode_run(allocation.name(), instant, &stored.to_string()))
}

/// `ByHand` and a request become `{"manual": REQUEST}`.
fn trigger(word: String, request: Option<ManualRequest>) -> Value {
    match TriggerWord::from(word) {
        TriggerWord::Manual => json!({ "manual": request.unwrap_or_default() }),
        word => json!(word),
    }
}

/// `failed` and a reason become `{"failed": REASON}`.
fn state(row: &Row<'_>) -> rusqlite::Result<Value> {
    let word = StateWord::from(row.get::<_, String>(4)?);
    let reason = row.get_ref(5)?.as_str_or_null()?.unwrap_or_default();
    let values = match word {
        StateWord::Retrying => json!({"Reason": reason, "Until": values::moment(row.get(8)?)?}),
        StateWord::Missed => {
            let (last, count) = (values::instant(row.get(6)?)?, values::count(row.get(7)?)?);
            json!({"Reason": reason, "Last": last, "Count": count})
        }
        StateWord::Waiting
        | StateWord::Starting
        | StateWord::Running
        | StateWord::Succeeded
        | StateWord::Other(_) => return Ok(json!(word)),
        _ => json!(reason),
    };
    Ok(json!({ (word.as_str()): values }))
}

fn micros_after(instant: Instant, at: DateTime<Utc>) -> i64 {
    (at - instant.moment()).num_microseconds().unwrap_or_default()
}

/// An attempt in the present format: its steps are lists, and its output has names.
fn attempt(mut old: Map<String, Value>) -> Value {
    if let Some(Value::Array(steps)) = old.get_mut("Steps") {
        steps.iter_mut().for_each(step);
    }
    if let Some(Value::Object(exit)) = old.get_mut("Exit") {
        name_cause(exit);
    }
    let missing = old.remove("Missing").and_then(|missing| missing.as_u64()).unwrap_or_default();
    let streams = old.remove("Streams");
    if let Some(Value::Array(sizes)) = old.get("Output") {
        let size = |at: usize| sizes.get(at).and_then(Value::as_u64).unwrap_or_default();
        let (kept, omitted) = (size(0), size(1).saturating_sub(missing));
        let mut output = json!({ "Kept": kept, "Omitted": omitted, "Missing": missing });
        if let Some(streams) = streams {
            output["Streams"] = streams;
        }
        old.insert("Output".to_owned(), output);
    }
    Value::Object(old)
}

/// Flags, and the exit code of a kill at Docker, which was the only engine, become one cause.
fn name_cause(exit: &mut Map<String, Value>) {
    let cause = if exit.remove("EngineWentDown").is_some() {
        "EngineWentDown"
    } else if exit.remove("OutOfMemory").is_some() {
        "OutOfMemory"
    } else if exit.get("Code") == Some(&json!(137)) {
        "Killed"
    } else {
        return;
    };
    exit.insert("Cause".to_owned(), cause.into());
}

/// `[1, {"Pulled": {"repository": "a", "tag": "b"}}]` becomes `[1, "Pulled", "a", "b"]`.
fn step(step: &mut Value) {
    let Value::Array(list) = step else { return };
    let Some(Value::Object(step)) = list.pop_if(|step| step.is_object()) else { return };
    for (word, values) in step {
        // The value of an error is one reason; those of all others have names.
        let has_names = word != "Error";
        list.push(word.into());
        match values {
            Value::Object(values) if has_names => list.extend(values.into_iter().map(|it| it.1)),
            value => list.push(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_the_exit_code_of_a_kill_become_one_cause() {
        for (old, cause) in [
            (json!({"Code": 3}), None),
            (json!({"Code": 137}), Some("Killed")),
            (json!({"Code": 137, "OutOfMemory": true}), Some("OutOfMemory")),
            (json!({"Code": 143, "EngineWentDown": true}), Some("EngineWentDown")),
        ] {
            let Value::Object(attempt_before) = json!({ "Exit": old }) else { unreachable!() };

            let exit = &attempt(attempt_before)["Exit"];

            assert_eq!(exit.get("Cause").and_then(Value::as_str), cause);
            assert_eq!(exit.as_object().map(Map::len), Some(1 + usize::from(cause.is_some())));
        }
    }
}
