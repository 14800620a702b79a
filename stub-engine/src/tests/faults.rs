use std::time::{Duration, Instant};

use bollard::query_parameters::CreateImageOptions;
use futures_util::TryStreamExt;

use super::harness::{Bed, NAME, SHORT, code, hangs, refusal};
use crate::{Call, Fault, Faults};

/// A stub whose first creation meets `fault`.
fn bed(fault: Fault) -> Bed {
    Bed::failing(Faults::none().first(Call::Create, [fault]))
}

/// What comes of a creation, sent as it is, and how many containers there are then.
fn created(fault: Fault) -> (String, usize) {
    let bed = bed(fault);
    let answer = bed.ask(&format!(
        "POST /containers/create?name={NAME} HTTP/1.1\r\nConnection: close\r\nContent-Length: 19\r\n\r\n{}",
        r#"{"Image":"busybox"}"#
    ));
    (answer, bed.stub.containers())
}

#[tokio::test]
async fn a_delay_takes_effect_later_also_where_the_client_has_gone() {
    let bed = bed(Fault::Delay(SHORT * 3));

    let left = hangs(bed.create(NAME)).await;
    let before = bed.stub.containers();
    tokio::time::sleep(SHORT * 4).await;

    assert!(left);
    assert_eq!((before, bed.stub.containers()), (0, 1));
}

#[tokio::test]
async fn a_late_answer_is_of_an_effect_at_once() {
    let bed = bed(Fault::AnswerLate(SHORT * 3));

    let began = Instant::now();
    let creating = async {
        let created = bed.create(NAME).await;
        (created, began.elapsed())
    };
    let looking = async {
        while bed.stub.containers() == 0 {
            tokio::task::yield_now().await;
        }
        began.elapsed()
    };
    let ((created, answered), seen) = tokio::join!(creating, looking);

    assert!(created.is_ok());
    assert!(answered >= SHORT * 3);
    assert!(seen < answered);
}

#[tokio::test]
async fn a_failure_comes_before_or_after_the_effect() {
    for (fault, count) in [(Fault::fail_before(), 0), (Fault::fail_after(), 1)] {
        let bed = bed(fault);

        let refused = bed.create(NAME).await;

        assert_eq!(refusal(refused).0, 500);
        assert_eq!(bed.stub.containers(), count);
    }
}

#[test]
fn a_connection_is_dropped_before_or_after_the_effect() {
    assert_eq!(created(Fault::DropBefore), (String::new(), 0));
    assert_eq!(created(Fault::DropAfter), (String::new(), 1));
}

#[test]
fn an_answer_is_cut_in_its_head_or_its_body() {
    let (head, created_by_head) = created(Fault::CutHead);
    let (body, created_by_body) = created(Fault::CutBody);

    assert_eq!((created_by_head, created_by_body), (1, 1));
    assert!(head.starts_with("HTTP/1.1 201") && !head.contains("\r\n\r\n"), "{head}");
    let (_, body) = body.split_once("\r\n\r\n").unwrap();
    assert!(body.starts_with("{\"Id\":\"") && !body.ends_with('}'), "{body}");
}

#[tokio::test]
async fn an_answer_without_a_body_is_cut_in_its_head() {
    let bed = Bed::failing(Faults::none().first(Call::Start, [Fault::CutBody]));
    bed.create(NAME).await.unwrap();

    let cut = bed.start(NAME).await;

    assert!(cut.is_err());
    assert_eq!(bed.stub.ledger()[0].starts, 1);
}

#[tokio::test]
async fn an_answer_in_pieces_is_cut_in_its_body() {
    let bed = Bed::failing(Faults::none().first(Call::Wait, [Fault::CutBody, Fault::CutHead]));
    bed.create(NAME).await.unwrap();
    bed.start(NAME).await.unwrap();

    assert!(bed.wait(NAME).await.is_err());
    assert!(bed.wait(NAME).await.is_err());
    assert_eq!(code(bed.wait(NAME).await), 0);
}

#[tokio::test]
async fn a_request_hangs_before_or_after_the_effect() {
    for (fault, count) in [(Fault::HangBefore, 0), (Fault::HangAfter, 1)] {
        let bed = bed(fault);

        let hung = hangs(bed.create(NAME)).await;

        assert!(hung);
        assert_eq!(bed.stub.containers(), count);
    }
}

#[tokio::test]
async fn a_rule_chooses_by_call_and_subject() {
    let bed = Bed::failing(Faults::none().by(|call, subject| match call {
        Call::Pull => Some(Fault::FailBefore { status: 500, message: "no such host".to_owned() }),
        Call::Create if subject == NAME => Some(Fault::DropAfter),
        _ => None,
    }));

    let pulled: Result<Vec<_>, _> =
        bed.docker.create_image(None::<CreateImageOptions>, None, None).try_collect().await;

    assert!(pulled.unwrap_err().to_string().contains("no such host"));
    assert!(bed.create(NAME).await.is_err());
    assert!(bed.create("another").await.is_ok());
    assert_eq!(bed.stub.containers(), 2);
}

#[tokio::test]
async fn faults_change_while_it_runs_and_are_recorded() {
    let bed = Bed::failing(Faults::seeded(1).chance(Call::ALL, 1_000, &Fault::DropAfter));

    let dropped = bed.create(NAME).await;
    bed.stub.set_faults(Faults::none());
    let started = bed.start(NAME).await;

    assert!(dropped.is_err());
    assert!(started.is_ok());
    let faults: Vec<_> = bed.stub.journal().into_iter().map(|stamp| stamp.fault).collect();
    assert_eq!(faults, [Some(Fault::DropAfter), None]);
    let story = bed.stub.story();
    let lines: Vec<_> = story.lines().collect();
    assert_eq!(lines.len(), 3, "{story}");
    assert!(lines[0].ends_with(&format!("Create {NAME}: took effect, connection closed")));
    assert!(lines[1].contains("faults set"), "{story}");
    assert!(lines[2].ends_with(&format!("Start {NAME}")), "{story}");
}

#[tokio::test]
async fn a_fault_does_not_hold_other_connections_up() {
    let bed = bed(Fault::Delay(Duration::from_secs(60)));

    let slow = hangs(bed.create(NAME)).await;

    assert!(slow);
    assert!(bed.create("another").await.is_ok());
}
