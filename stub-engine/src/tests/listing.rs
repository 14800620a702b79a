use std::collections::HashMap;

use bollard::{
    errors::Error,
    models::{ContainerCreateBody, ContainerSummary},
    query_parameters::ListContainersOptionsBuilder,
};

use super::harness::{Bed, LONG, refusal};
use crate::Program;

/// Three containers: `a` runs, `b` was created, both of the store `s1`, and `c` of `s2` was created.
async fn bed() -> Bed {
    let bed = Bed::of(Program::lasting(LONG));
    for (name, store) in [("a", "s1"), ("b", "s1"), ("c", "s2")] {
        let labels = HashMap::from([("io.docket.store".to_owned(), store.to_owned())]);
        let body = ContainerCreateBody { labels: Some(labels), ..Default::default() };
        bed.create_as(name, body).await.unwrap();
    }
    bed.start("a").await.unwrap();
    bed
}

async fn list(
    bed: &Bed,
    all: bool,
    filters: &[(&str, &[&str])],
) -> Result<Vec<ContainerSummary>, Error> {
    let filters: HashMap<&str, Vec<&str>> =
        filters.iter().map(|(name, values)| (*name, values.to_vec())).collect();
    let options = ListContainersOptionsBuilder::default().all(all).filters(&filters).build();
    bed.docker.list_containers(Some(options)).await
}

async fn names(bed: &Bed, all: bool, filters: &[(&str, &[&str])]) -> Vec<String> {
    let listed = list(bed, all, filters).await.unwrap();
    listed.into_iter().flat_map(|container| container.names.unwrap()).collect()
}

#[tokio::test]
async fn a_list_shows_what_runs_or_all_the_newest_first() {
    let bed = bed().await;

    assert_eq!(names(&bed, false, &[]).await, ["/a"]);
    assert_eq!(names(&bed, true, &[]).await, ["/c", "/b", "/a"]);
    assert_eq!(names(&bed, false, &[("status", &["created"])]).await, ["/c", "/b"]);
}

#[tokio::test]
async fn a_list_shows_those_that_carry_every_label() {
    let bed = bed().await;

    assert_eq!(names(&bed, true, &[("label", &["io.docket.store=s1"])]).await, ["/b", "/a"]);
    assert_eq!(names(&bed, true, &[("label", &["io.docket.store"])]).await, ["/c", "/b", "/a"]);
    let both = ["color=red", "io.docket.store=s2"];
    assert_eq!(names(&bed, true, &[("label", &both)]).await, ["/c"]);
    let none = ["color=blue", "io.docket.store=s2"];
    assert!(names(&bed, true, &[("label", &none)]).await.is_empty());
}

#[tokio::test]
async fn a_list_tells_what_a_container_is() {
    let bed = bed().await;

    let listed = list(&bed, false, &[]).await.unwrap();

    let [container] = listed.as_slice() else { panic!("one runs: {listed:?}") };
    assert_eq!(container.id, bed.inspect("a").await.id);
    assert_eq!(container.labels.as_ref().unwrap()["io.docket.store"], "s1");
    assert_eq!(container.image.as_deref(), Some("busybox"));
    assert!((crate::now().timestamp() - container.created.unwrap()).abs() < 60);
    assert_eq!(format!("{:?}", container.state.as_ref().unwrap()).to_lowercase(), "running");
}

#[tokio::test]
async fn a_filter_that_is_not_known_is_refused() {
    let bed = bed().await;

    let refused = list(&bed, true, &[("ancestor", &["busybox"])]).await;

    assert_eq!(refusal(refused), (400, "invalid filter 'ancestor'".to_owned()));
}
