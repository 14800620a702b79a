//! What a placement says for pods alone: the taints that they tolerate, and how they identify themselves.

use super::word_enums::words;

/// How many tolerations a placement has at most.
// All of them are in the body of each pod.
pub const MOST_TOLERATIONS: usize = 100;

/// How many pull secrets a placement has at most.
pub const MOST_PULL_SECRETS: usize = 100;

/// A taint of nodes that pods tolerate, as Kubernetes describes it. Without a key it is any taint.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Toleration {
    /// The key of the taint.
    pub key: Option<Box<str>>,
    /// How the value is compared.
    pub operator: TolerationOperator,
    /// The value of the taint.
    pub value: Option<Box<str>>,
    /// The effect of the taint; any where it is absent.
    pub effect: Option<TaintEffect>,
    /// For how many seconds a pod stays on a node with such a taint; for ever where it is absent.
    pub seconds: Option<u32>,
}

words! {
    /// How a toleration compares the value of a taint, in Kubernetes' words.
    #[derive(Default)]
    TolerationOperator {
        /// It has to be the same.
        #[default]
        Equal,
        /// It may be any.
        Exists,
    }
}

words! {
    /// What a taint does to pods that do not tolerate it, in Kubernetes' words.
    TaintEffect {
        /// No new pod gets to the node.
        NoSchedule,
        /// New pods get to other nodes if there are any.
        PreferNoSchedule,
        /// Pods that are there are evicted, too.
        NoExecute,
    }
}
