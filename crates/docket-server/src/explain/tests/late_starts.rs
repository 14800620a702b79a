//! Tests of explanations of late starts.

use docket_model::run::Node;
use insta::assert_snapshot;

use super::*;

fn started(started: &'static str, more: impl FnOnce(&mut Run)) -> impl FnOnce(&mut Run) {
    move |run| {
        run.attempts = vec![Attempt::new(1)];
        more(run);
        ran(run, started, "08:59", 0);
    }
}

fn pulled(run: &mut Run, when: &str) {
    let step = Step::Pulled { repository: "x".into(), tag: "latest".into() };
    run.attempts[0].steps.push((at(when), step));
}

#[test]
fn a_late_start_names_its_causes() {
    let daily = || Case::scheduled("0 9 * * *");
    let queue = Case::of(&json!({"Cron": "0 * * * *", "Overlap": "Queue"}));
    let cases = [
        daily().run("08:00", RunState::Succeeded, started("08:00:05", |_| {})),
        daily().run(
            "08:00",
            RunState::Succeeded,
            started("08:00:48", |run| pulled(run, "08:00:38")),
        ),
        daily().run("08:00", RunState::Succeeded, started("08:10", |_| {})),
        daily().run(
            "08:00",
            RunState::Succeeded,
            started("08:14:02", |run| run.decided_at = at("08:14")),
        ),
        daily().paused(Cause::HostSuspended, "07:50", "08:14").run(
            "08:00",
            RunState::Succeeded,
            started("08:14:02", |run| run.decided_at = at("08:14")),
        ),
        daily().paused(Cause::EngineAway, "08:00:01", "08:09:58").run(
            "08:00",
            RunState::Succeeded,
            started("08:10", |_| {}),
        ),
        queue.run("07:00", RunState::Succeeded, once("07:00", "08:12", 0)).run(
            "08:00",
            RunState::Succeeded,
            started("08:12:01", |_| {}),
        ),
    ];
    let texts =
        cases.map(|case| page(&[super::super::one_run::sentence(&case.facts(), &case.runs[0])]));

    assert_snapshot!(texts.join("\n"), @"
    09:00: succeeded with exit code 0 after 58m 55s.
    09:00: succeeded with exit code 0 after 58m 12s. It started at 09:00:48, 48s late: it waited 38s for its image or a free slot (`--max-running`); creating and starting its container took 10s.
    09:00: succeeded with exit code 0 after 49m. It started at 09:10, 10m late: it waited 10m for a free slot (`--max-running`, `--max-starting`) or the engine.
    09:00: succeeded with exit code 0 after 44m 58s. It started at 09:14:02, 14m 2s late: docket decided it only at 09:14.
    09:00: succeeded with exit code 0 after 44m 58s. It started at 09:14:02, 14m 2s late: the host was suspended from 08:50 to 09:14.
    09:00: succeeded with exit code 0 after 49m. It started at 09:10, 10m late: the engine was away from 09:00:01 to 09:09:58.
    09:00: succeeded with exit code 0 after 46m 59s. It started at 09:12:01, 12m 1s late: it waited until 09:12 for the run of 08:00 to end.
    ");
}

#[test]
fn jitter_is_no_lateness() {
    let case = Case::of(&json!({"Cron": "0 9 * * *", "Jitter": "30m"}));
    let starts = crate::policy::starts_at(
        &case.status.allocation,
        at("08:00"),
        "Europe/Berlin".parse::<Zone>().unwrap(),
    );
    let case = case.run("08:00", RunState::Succeeded, |run| {
        once("08:00", "08:59", 0)(run);
        run.decided_at = starts;
        run.attempts[0].started_at = Some(starts);
        run.attempts[0].exit.as_mut().unwrap().started_at = Some(starts);
    });

    assert_snapshot!(case.about("2026-11-21 09:00"), @"09:00: succeeded with exit code 0 after 49m 43s. It started at 09:09:16, after 9m 16s of `Jitter`.");
    assert_snapshot!(case.about("2026-11-22T09:00"), @"2026-11-22 09:00 is in the future: it will start at 09:06:58 because of its `Jitter`.");
}

#[test]
fn earlier_attempts_are_described_one_by_one_or_together() {
    let exits = |codes: &[i64], more: fn(&mut Run), state| {
        let codes = codes.to_vec();
        let case = Case::scheduled("0 * * * *").run("08:00", state, |run| {
            run.attempts.clear();
            for (number, code) in (1..).zip(codes) {
                run.attempts.push(Attempt::new(number));
                ran(run, "08:00", "08:00:12", code);
            }
            more(run);
        });
        page(&[super::super::one_run::sentence(&case.facts(), &case.runs[0])])
    };
    let out_of_memory = |run: &mut Run| {
        run.attempts[0].exit.as_mut().unwrap().cause = Some(ExitCause::OutOfMemory);
    };
    let no_image = |run: &mut Run| {
        let first = &mut run.attempts[0];
        first.exit = None;
        first.steps =
            vec![(at("08:00"), Step::Error(Box::new(Reason::ImageNotFound { image: "x".into() })))];
    };
    let timed_out =
        RunState::TimedOut(Reason::of_words("ran longer than 10s (`Timeout`), exit code 143"));
    let texts = [
        exits(&[137], out_of_memory, failed("out of memory, exit code 137")),
        exits(&[1, 0], no_image, RunState::Succeeded),
        exits(&[1, 2, 3], |_| {}, failed("exit code 3")),
        exits(&[1, 1, 1, 1, 1, 143], |_| {}, timed_out),
    ];

    assert_snapshot!(texts.join("\n"), @"
    09:00: failed at 09:00:12 with exit code 137 (out of memory) after 12s.
    09:00: succeeded with exit code 0 at the second attempt, which took 12s. The first attempt failed (image x not found).
    09:00: failed at 09:00:12 with exit code 3 at the third attempt, which took 12s. The first attempt failed with exit code 1 after 12s and the second with exit code 2 after 12s.
    09:00: timed out at 09:00:12: it ran longer than 10s (`Timeout`), exit code 143. The 5 attempts before failed too, the last of them with exit code 1 after 12s.
    ");
}

#[test]
fn another_engine_a_node_and_the_parts_of_a_run_are_named() {
    let daily = || Case::scheduled("0 9 * * *");
    let of = |engine: &'static str, node: Option<&'static str>| {
        started("08:00", move |run| {
            let attempt = &mut run.attempts[0];
            attempt.engine_name = Some(engine.into());
            attempt.node = node.map(|name| Node::named(name).into());
        })
    };
    let with_parts = |second: RunState| {
        started("08:00", move |run| {
            let mut other = run.attempts[0].clone();
            run.attempts[0].engine_name = Some("web1".into());
            (other.key.part, other.engine_name) = (2, Some("web2".into()));
            run.attempts.push(other);
            run.part_states = Box::new([RunState::Succeeded, second.clone()]);
            run.set_part_state(2, second);
        })
    };
    let failed = || failed("exit code 3");
    let cases = [
        daily().run("08:00", RunState::Succeeded, of("default", None)),
        daily().run("08:00", RunState::Succeeded, of("west", Some("w3"))),
        daily().run("08:00", RunState::Succeeded, with_parts(RunState::Succeeded)),
        daily().run("08:00", RunState::Running, with_parts(RunState::Running)),
        daily().run("08:00", failed(), with_parts(failed())),
    ];
    let texts =
        cases.map(|case| super::super::one_run::sentence(&case.facts(), &case.runs[0]).text);

    assert_snapshot!(texts.join("\n"), @"
    09:00: succeeded with exit code 0 after 59m.
    09:00: succeeded with exit code 0 after 59m. It ran on engine west, node w3.
    09:00: succeeded after 59m. It ran on engine web1 and engine web2.
    09:00: running, for 1h so far. Part 1 on engine web1: succeeded. Part 2 on engine web2: running.
    09:00: failed at 09:59: 1 of 2 parts failed: part 2 on web2 (exit code 3). It ran on engine web1 and engine web2.
    ");
}
