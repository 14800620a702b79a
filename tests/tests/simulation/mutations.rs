//! The simulation finds each known way to break a rule of the server.

use docket_server::simulation::Mutation;

use super::{reference_model::Invariant, seed_run::simulate};

/// How many seeds find a mutation at the latest.
// Some faults need a crash in one certain step, which few seeds have.
const BOUND: u64 = 60;

/// Simulates seeds until the mutation breaks its invariant.
fn finds(mutation: Mutation, invariant: Invariant) {
    for seed in 1..=BOUND {
        let Some(violation) = simulate(seed, Some(mutation), false).violation else { continue };
        println!("{mutation:?}: seed {seed}: {violation}");
        // Another rule may be broken first, as a consequence; then a later seed has to show this
        // one.
        if violation.invariant == invariant {
            // Otherwise the seed may have found something else.
            let without = simulate(seed, None, false).violation;
            assert!(without.is_none(), "seed {seed}: {without:?}");
            return;
        }
    }
    panic!("{BOUND} seeds do not find {mutation:?}");
}

#[test]
fn it_finds_a_start_that_is_asked_for_twice() {
    finds(Mutation::StartAskedTwice, Invariant::OneStart);
}

#[test]
fn it_finds_an_id_that_is_noted_after_the_start() {
    finds(Mutation::IdNotedAfterStart, Invariant::OrderOfSteps);
}

#[test]
fn it_finds_a_run_that_is_given_up_while_its_container_waits() {
    finds(Mutation::GivenUpWhileWaiting, Invariant::OrderOfSteps);
}

#[test]
fn it_finds_a_removal_before_the_end_is_recorded() {
    finds(Mutation::RemovedBeforeEndRecorded, Invariant::OrderOfSteps);
}

#[test]
fn it_finds_a_decision_before_the_look_at_older_runs() {
    finds(Mutation::DecidedBeforeLooking, Invariant::LookedFirst);
}

#[test]
fn it_finds_a_record_that_is_written_without_its_revision() {
    finds(Mutation::WrittenWithoutRevision, Invariant::RecordGoesForward);
}

#[test]
fn it_finds_a_write_of_a_term_that_is_over() {
    finds(Mutation::WriteOfOldTerm, Invariant::Terms);
}

#[test]
fn it_finds_a_pause_that_is_not_in_force() {
    finds(Mutation::PauseNotInForce, Invariant::Paused);
}

#[test]
fn it_finds_a_changed_schedule_that_catches_up_on_the_past() {
    finds(Mutation::CatchUpBeforeEdit, Invariant::NoPast);
}

#[test]
fn it_finds_a_run_that_does_not_count_between_two_attempts() {
    finds(Mutation::OverlapFreedBetweenAttempts, Invariant::Overlap);
}

#[test]
fn it_finds_runs_that_are_due_one_second_early() {
    finds(Mutation::OneSecondEarly, Invariant::NeverEarly);
}

#[test]
fn it_finds_that_pruning_forgets_what_was_decided() {
    finds(Mutation::DecidedLostWhenPruned, Invariant::DecidedGrows);
}
