//! docket: a cron server for containers, and its client.

fn main() {}
