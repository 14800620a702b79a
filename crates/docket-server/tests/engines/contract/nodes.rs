//! The nodes of an engine that chooses among some.

use std::{collections::BTreeSet, sync::Arc};

use docket_model::allocation::Placement;
use docket_server::engine::{Condition, Observation, Stop};

use super::{Program, Subject};

/// A placement with these constraints.
fn placement(constraints: &[String]) -> Placement {
    let constraints = constraints.iter().map(|text| text.parse().unwrap()).collect();
    Placement { constraints, ..Placement::default() }
}

pub(crate) async fn nodes_are_those_that_fulfil_what_is_left_to_them(subject: &Subject) {
    let engine = &subject.engine;

    let all = engine.nodes(&Placement::default()).await.unwrap();
    let ids: BTreeSet<_> = all.iter().map(|node| Arc::clone(&node.id)).collect();
    let first = &all[0];
    let named = engine.nodes(&placement(&[format!("node.hostname=={}", first.name)])).await;
    let others = engine.nodes(&placement(&[format!("node.hostname!~{}", first.name)])).await;
    let none = engine.nodes(&placement(&["no.node/has-it==x".to_owned()])).await;

    assert!(engine.has_nodes());
    assert_eq!(ids.len(), all.len());
    assert_eq!(named.unwrap(), std::slice::from_ref(first));
    assert_eq!(others.unwrap().len(), all.len() - 1);
    assert_eq!(none.unwrap(), []);
}

pub(crate) async fn a_container_runs_on_the_node_that_its_plan_names(subject: &Subject) {
    for (number, node) in
        subject.engine.nodes(&Placement::default()).await.unwrap().iter().enumerate()
    {
        let mut plan = subject.plan(&format!("node-{number}"), Program::EndsWhenAsked);
        // Decided before: what its placement says is not asked for again.
        plan.placement = placement(&["no.node/has-it==x".to_owned()]);
        plan.node = Some(Arc::clone(&node.id));

        let handle = subject.start(&plan).await.handle;

        let seen = subject.engine.inspect(&handle).await.unwrap();
        let Observation::Running { node: Some(seen), .. } = &seen else { panic!("{seen:?}") };
        assert_eq!(*seen, node.name);
        subject.engine.stop(&handle, Stop::AtOnce).await.unwrap();
        subject.engine.remove(&handle, Condition::NotRunning).await.unwrap();
    }
}
