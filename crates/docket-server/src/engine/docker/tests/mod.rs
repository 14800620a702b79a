//! What is of the whole engine, and the daemon to which the tests of its parts talk.

pub(crate) mod scripted_daemon;

use self::scripted_daemon::{Reply, Stub};
use super::*;

/// Answers what the engine is with these ids in turn, and then with the last of them.
fn stub<const N: usize>(ids: [&'static str; N]) -> Stub {
    let mut asked = 0;
    Stub::start(move |request| {
        if request == "GET /version" {
            return Reply::Json(200, r#"{"Version":"1","ApiVersion":"1.41"}"#.to_owned());
        }
        asked += 1;
        let id = ids.get(asked - 1).or(ids.last()).unwrap();
        Reply::Json(200, serde_json::json!({"ID": id, "NCPU": 2}).to_string())
    })
}

#[tokio::test]
async fn an_id_counts_only_where_two_answers_have_the_same() {
    // The second engine takes the first one's place between two looks.
    let stub = stub(["E", "E", "E", "F"]);
    let engine = stub.engine();
    let id = async || engine.status().await.unwrap().id;

    let ids = [id().await, id().await, id().await];

    assert_eq!(
        ids.map(|id| id.map(|id| id.to_string())),
        ["E", "E", "F"].map(|it| Some(it.into()))
    );
    assert_eq!(stub.count("GET /info"), 5);
}

#[tokio::test]
async fn an_engine_that_makes_up_an_id_for_each_answer_has_none() {
    let stub = stub(["A", "B", "C", "D", "", "E"]);
    let engine = stub.engine();

    for _ in 0..3 {
        assert_eq!(engine.status().await.unwrap().id, None);
    }
}
