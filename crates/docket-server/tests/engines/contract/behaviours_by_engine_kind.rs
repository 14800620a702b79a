//! Lists the behaviours of the contract by kind of engine. Each is a function that takes a [`super::Subject`].

/// The behaviours of engines of any kind.
macro_rules! any_engine {
    ($keeps:ident) => {
        $keeps! {
            it_reports_what_it_is,
            a_container_that_could_be_created_has_no_findings_and_is_not_kept,
            preparing_twice_joins_the_container,
            a_name_that_another_holds_is_left_alone,
            a_run_gives_its_output_its_exit_code_and_its_times,
            a_failure_gives_its_exit_code,
            a_container_that_ends_at_once_is_watched_to_its_end,
            a_container_that_another_program_kills_was_killed,
            a_container_that_another_program_removes_is_gone,
            a_gentle_stop_lets_the_program_end_by_itself,
            a_program_that_ignores_the_request_to_end_is_killed_after_its_grace,
            an_ended_container_is_stopped_already,
            a_container_that_is_removed_is_gone_for_every_call,
            a_container_that_runs_is_not_removed,
            a_container_that_has_changed_is_not_removed_unchanged,
            output_is_handed_out_while_the_container_runs,
            output_is_read_on_from_any_position,
            long_output_is_complete_to_the_byte,
            of_longer_output_head_and_tail_are_kept,
            the_containers_of_an_owner_are_listed,
            running_containers_of_other_stores_are_listed,
            the_labels_of_a_container_say_whose_it_is,
            a_container_that_runs_is_taken_over,
            a_name_that_is_disarmed_starts_nothing_more,
        }
    };
}

/// The behaviours of engines that run containers on the host that answers.
macro_rules! one_host {
    ($keeps:ident) => {
        $keeps! {
            a_container_without_an_image_is_not_created,
            a_stop_at_once_cuts_a_gentle_one_short,
            the_streams_of_an_output_are_kept_apart,
            of_a_container_that_ran_and_is_gone_the_exit_code_is_known,
        }
    };
}

/// The behaviours of engines that prepare a container without starting it.
macro_rules! separate_start {
    ($keeps:ident) => {
        $keeps! {
            a_container_is_inspected_in_each_stage_of_its_life,
            a_container_is_started_once,
            a_container_that_is_removed_before_its_start_is_prepared_anew,
            a_container_that_was_not_started_is_stopped_already,
            output_up_to_now_of_a_container_that_was_not_started_is_empty,
            following_output_waits_for_the_start,
            a_container_that_was_not_started_is_disarmed,
            a_container_that_is_disarmed_is_removed,
            a_container_that_is_started_meanwhile_is_not_disarmed,
        }
    };
}

/// The behaviours of engines that start a container while the start is asked for.
macro_rules! start_at_once {
    ($keeps:ident) => {
        $keeps! {
            a_program_that_is_not_there_cannot_be_started,
            a_container_that_is_disarmed_is_known_to_have_never_run,
        }
    };
}

/// The behaviours of engines that choose among nodes.
macro_rules! several_nodes {
    ($keeps:ident) => {
        $keeps! {
            nodes_are_those_that_fulfil_what_is_left_to_them,
            a_container_runs_on_the_node_that_its_plan_names,
        }
    };
}

/// The behaviours of engines of any kind, on beds that hold requests.
macro_rules! late_requests {
    ($keeps:ident) => {
        $keeps! {
            a_late_start_of_a_container_that_was_given_up_starts_nothing,
            a_late_start_before_the_next_look_is_found,
            a_late_create_after_the_removal_starts_nothing,
        }
    };
}

/// The same of engines that prepare a container without starting it.
macro_rules! late_launches {
    ($keeps:ident) => {
        $keeps! { a_late_start_of_a_container_that_was_replaced_starts_nothing, }
    };
}

pub(crate) use {
    any_engine, late_launches, late_requests, one_host, separate_start, several_nodes,
    start_at_once,
};
