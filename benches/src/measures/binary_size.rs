//! The size of the binary: of the default build, and of the one with the feature `cluster`.

use std::{fs, path::Path};

use anyhow::Result;

use super::Bench;
use crate::report::{Figure, Unit};

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let default = Figure::at_most("binary", megabytes(&bench.docket)?, 12.0, Unit::Megabytes);
    let what = "binary with the feature `cluster`";
    let cluster = match &bench.cluster {
        Some(binary) => Figure::for_scale(what, megabytes(binary)?, Unit::Megabytes),
        None => Figure::skipped(what, "scripts/bench builds it where `TEST_KUBECONFIG` is set"),
    };
    Ok(vec![default, cluster])
}

fn megabytes(binary: &Path) -> Result<f64> {
    let kilobytes = u32::try_from(fs::metadata(binary)?.len() / 1_000)?;
    Ok(f64::from(kilobytes) / 1_000.0)
}
