use bollard::{
    models::ContainerCreateBody,
    query_parameters::{
        CreateContainerOptionsBuilder, CreateImageOptionsBuilder, LogsOptionsBuilder,
    },
};
use futures_util::TryStreamExt;

use super::harness::{Bed, NAME, SHORT};
use crate::{Options, Program, PullReport};

#[tokio::test]
async fn a_long_log_has_the_configured_length() {
    let size = (1 << 20) + 7;
    let bed = Bed::of(Program::writing(size, SHORT));
    bed.started().await;
    let options = LogsOptionsBuilder::default().stdout(true).follow(true).build();

    let log =
        bed.docker.logs(NAME, Some(options)).map_ok(bollard::container::LogOutput::into_bytes);
    let log = log.try_collect::<Vec<_>>().await.unwrap().concat();

    let text = Program::writing(size, SHORT).output;
    let written = text.into_iter().cycle().take(usize::try_from(size).unwrap());
    assert!(log == written.collect::<Vec<_>>(), "{} bytes", log.len());
}

#[tokio::test]
async fn a_pull_fails_with_the_configured_message_and_a_creation_warns() {
    let pull = PullReport::Fails("no space left".to_owned());
    let warnings = vec!["no swap".to_owned()];
    let bed = Bed::new(Options { pull, warnings, ..Options::default() });
    let options = CreateImageOptionsBuilder::new().from_image("busybox").build();
    let (name, body) = (CreateContainerOptionsBuilder::new().name(NAME).build(), "busybox");
    let body = ContainerCreateBody { image: Some(body.to_owned()), ..Default::default() };

    let pulled = bed.docker.create_image(Some(options), None, None).try_collect::<Vec<_>>().await;
    let created = bed.docker.create_container(Some(name), body).await.unwrap();

    assert!(pulled.unwrap_err().to_string().contains("no space left"));
    assert_eq!(created.warnings, ["no swap"]);
}
