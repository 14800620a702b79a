//! A real cluster whose API server is away.
// Tests run in the order of their names: behind those of `real_cluster`, this one keeps none of them waiting.

use crate::{cluster_bed::cluster_alone, contract};

#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_away_is_unreachable_and_found_again() {
    let Some(bed) = cluster_alone().await else { return };
    contract::an_engine_that_is_away_is_unreachable_and_found_again(&bed.subject().await).await;
}
