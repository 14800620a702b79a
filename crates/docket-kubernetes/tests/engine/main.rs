//! A real cluster against the contract that every engine keeps, and against what is Kubernetes' own.
//!
//! `TEST_KUBECONFIG` names the kubeconfig of a cluster with the image `busybox:latest` on its node,
//! `TEST_KUBERNETES_NODE` the address of the Docker engine of that node, and `TEST_KUBERNETES_TOOL` what ends and
//! starts programs of the cluster. Without them the tests say that they were skipped.

#![allow(clippy::unwrap_used, reason = "what cannot be unwrapped fails its test")]
#![allow(clippy::print_stderr, reason = "a test that is skipped says so")]

mod cluster_bed;
#[path = "../../../docket-server/tests/engines/contract/mod.rs"]
#[allow(dead_code, unused_imports, unused_macros, reason = "no engine here is of one host")]
mod contract;
#[path = "../../../docket-server/tests/engines/holding_proxy.rs"]
mod holding_proxy;
mod kubectl_proxy;
mod real_cluster;
mod real_cluster_away;
#[path = "../../../docket-server/tests/engines/shell_program.rs"]
mod shell_program;
mod stub_api;
mod stub_bed;
mod stub_cluster;
mod stub_failed_pods;
mod stub_failed_starts;
mod stub_fidelity;
mod stub_logins;
mod stub_rotation;
mod stub_without_gates;
