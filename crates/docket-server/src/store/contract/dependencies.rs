//! What runs after what.

use docket_model::{AllocationName, Origin, Specification, check_dependencies::DependencyError};
use serde_json::json;

use super::{
    super::{ChangeContext, Push, Store, StoreError},
    get, moment, names, push, pushed, specification, specified,
};

fn after(name: &str, parents: &[&str]) -> Specification {
    specified(json!({"Name": name, "After": parents}))
}

fn name(text: &str) -> AllocationName {
    AllocationName::parse(text).unwrap()
}

fn children(store: &Store, of: &str) -> Vec<String> {
    let children = store.children(of);
    children.iter().map(ToString::to_string).collect()
}

pub(in crate::store) async fn what_comes_first_must_be_there_without_a_circle(store: &Store) {
    let chain = vec![after("c", &["b"]), after("b", &["a"]), specification("a", "")];
    store.push(pushed(chain, 0)).await.unwrap();

    let cases = [
        (vec![after("d", &["a", "missing"])], "no allocation is named `missing`"),
        (vec![after("a", &["c"])], "dependency cycle: `a` after `c` after `b` after `a`"),
        (vec![specification("new", ""), after("a", &["b"])], "dependency cycle"),
    ];
    for (specifications, expected) in cases {
        let index = specifications.len() - 1;
        let wanted = specifications[index].name.clone();
        let refused = store.push(pushed(specifications, 1)).await.unwrap_err();
        let StoreError::Unfit(unfit) = refused else { panic!("{refused}") };
        let DependencyError { index: which, name, message, .. } = &unfit[0];
        assert_eq!((*which, name), (index, &wanted));
        assert!(message.starts_with(expected), "{message}");
    }

    assert_eq!(names(store).await, ["c", "b", "a"]);
}

pub(in crate::store) async fn what_others_run_after_stays(store: &Store) {
    let file = Origin::File("docket.yml".into());
    push(store, file.clone(), &[("parent", ""), ("other", "")]).await;
    store.push(pushed(vec![after("child", &["parent"])], 0)).await.unwrap();

    let deletion = store.delete("parent", &file, ChangeContext::new(moment(1), "test")).await;
    let left_out = Push {
        origin: file.clone(),
        complete: true,
        ..pushed(vec![specification("other", "0 0 * * *")], 1)
    };
    let push = store.push(left_out.clone()).await;

    let refused = StoreError::HasChildren { name: name("parent"), children: vec![name("child")] };
    assert_eq!(deletion, Err(refused.clone()));
    assert_eq!(push, Err(refused));
    assert_eq!(names(store).await, ["parent", "other", "child"]);
    store.delete("child", &Origin::Api, ChangeContext::new(moment(1), "test")).await.unwrap();
    store.push(left_out).await.unwrap();
    assert_eq!(names(store).await, ["other"]);
}

pub(in crate::store) async fn children_follow_what_is_pushed(store: &Store) {
    push(store, Origin::Api, &[("a", ""), ("b", "")]).await;
    store.push(pushed(vec![after("y", &["a", "b"]), after("x", &["a"])], 0)).await.unwrap();
    let at_first = [children(store, "a"), children(store, "b")];

    store.push(pushed(vec![after("y", &["b"]), specification("x", "")], 1)).await.unwrap();

    assert_eq!(at_first, [vec!["x", "y"], vec!["y"]]);
    assert_eq!(children(store, "a"), Vec::<String>::new());
    assert_eq!(children(store, "b"), ["y"]);
    assert_eq!(get(store, "y").await.status.allocation.specification, after("y", &["b"]));
    assert!(store.delete("a", &Origin::Api, ChangeContext::new(moment(2), "test")).await.unwrap());
}
