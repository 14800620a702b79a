//! An engine of docket's server that runs each attempt as a pod of a Kubernetes cluster.
//!
//! 1. A pod is created gated, and started by lifting the gate under its version. Clusters before 1.27 drop
//!    gates: there creating is starting, and names are held until no create can be late any more.
//! 2. A finalizer keeps each pod, with its exit code and its name, until docket has recorded its end.

mod api;
mod connect;
mod container_not_created;
mod create_pod;
mod deleted_before_start;
mod dry_run;
mod engine;
mod follow_pod_to_end;
mod kept_log;
mod kept_logs;
mod list_pods;
mod log_file;
mod mapping;
mod open_log;
mod pending_starts;
mod pod_body;
mod pod_log;
mod pod_owner;
mod pod_state;
mod pod_watch;
mod read_log;
mod remove_pod;
mod second_start;
mod shared_engine_state;
mod stop_pod;
mod stuck_pod;

pub use connect::{ClusterAddress, ConnectError, connect, connect_engine, connect_with};

// `kube` needs to know which version of the API its types are of; docket reads answers as its own types.
use k8s_openapi as _;
