//! Real engines against the contract that each of them keeps, and against what is their own.
//!
//! `TEST_DOCKER_HOST` names a Docker engine to be used for the contract; without it, and for
//! everything that an engine in use must not suffer, the tests run a `dockerd` of their own.
//! `TEST_SWARM` names the managers of a Swarm and `TEST_SWARM_WORKERS` its other nodes;
//! without them the tests of the Swarm engine say that they were skipped.

#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails its test")]

mod contract;
mod docker;
mod docker_engine_check;
mod docker_faults;
mod docker_interference;
mod docker_output;
mod docker_pulls;
mod harness;
mod holding_proxy;
mod podman;
mod shell_program;
mod swarm;
mod swarm_harness;
