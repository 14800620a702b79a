//! Converts errors of engines and of the store to the reasons of runs.

use docket_model::run::{ImageError, NoAnswer, Reason};

use crate::{engine::EngineError, store::StoreError};

impl From<EngineError> for Reason {
    fn from(error: EngineError) -> Self {
        let image_error = |image: String, reason: String| {
            Box::new(ImageError { image: image.into(), message: reason.into() })
        };
        match error {
            EngineError::Unreachable(message) => {
                Self::EngineUnreachable { message: message.into() }
            }
            EngineError::NoAnswer { call, tries, reason } => {
                let (call, message) = (call.into(), reason.into());
                Self::NoAnswer(Box::new(NoAnswer { call, tries, message }))
            }
            // What the registry said is a remark of the attempt.
            EngineError::NoSuchImage { image, .. } => Self::ImageNotFound { image: image.into() },
            EngineError::NotPulled { image, reason } => {
                Self::PullFailed(image_error(image, reason))
            }
            EngineError::OtherPlatform { image, reason } => {
                Self::WrongPlatform(image_error(image, reason))
            }
            EngineError::MayNotPull { image } => Self::PullForbidden { image: image.into() },
            EngineError::NameHeld { holder } => Self::NameHeld { holder: holder.into() },
            EngineError::NodeLost(message) => Self::NodeLost { message: message.into() },
            error @ EngineError::NodeAway(_) => {
                Self::NodeLost { message: error.to_string().into() }
            }
            EngineError::Gone => Self::ContainerRemoved,
            EngineError::NeverStarted => Self::RemovedBeforeStart,
            EngineError::WillNotDie(message) => Self::CannotBeKilled { message: message.into() },
            EngineError::NotStartable(message) => Self::NotStartable { message: message.into() },
            EngineError::NameBusy(message) | EngineError::Refused { message, .. } => {
                Self::EngineRefused { message: message.into() }
            }
            error @ EngineError::OutputMissing { .. } => {
                Self::EngineRefused { message: error.to_string().into() }
            }
        }
    }
}

/// The reason of a run to whose record nothing can be added.
impl From<StoreError> for Reason {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSuchRun(_) => Self::AllocationDeleted,
            error => Self::StoreRefused { message: error.to_string().into() },
        }
    }
}
