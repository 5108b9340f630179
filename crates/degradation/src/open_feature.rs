//! Features for those who ask through OpenFeature.

use async_trait::async_trait;
use open_feature::provider::{FeatureProvider, ProviderMetadata, ResolutionDetails};
use open_feature::{
    EvaluationContext, EvaluationError, EvaluationErrorCode, EvaluationReason, EvaluationResult,
    StructValue,
};

use crate::handle::Handle;

/// Answers OpenFeature's questions from a ladder.
///
/// | asked for a | answer |
/// |---|---|
/// | boolean | whether any of the feature is left |
/// | integer | how much is left, in percent |
/// | float | how much is left, from 0 to 1 |
/// | string, structure | a type mismatch |
///
/// A feature that nobody has named is not found, so that the caller's default holds.
#[derive(Debug)]
pub struct Provider {
    handle: Handle,
    metadata: ProviderMetadata,
}

impl From<Handle> for Provider {
    fn from(handle: Handle) -> Self {
        Self { handle, metadata: ProviderMetadata::new("salve-degradation") }
    }
}

impl Provider {
    fn resolve<T>(&self, flag: &str, value: fn(u8) -> T) -> EvaluationResult<ResolutionDetails<T>> {
        let Some(feature) = self.handle.feature(flag) else {
            return Err(error(EvaluationErrorCode::FlagNotFound, flag));
        };
        let percent = feature.capability();
        let mut details = ResolutionDetails::new(value(percent));
        let reason = if percent == 100 {
            EvaluationReason::Default
        } else {
            EvaluationReason::TargetingMatch
        };
        details.reason = Some(reason);
        details.variant = Some(self.handle.level().to_string());
        Ok(details)
    }
}

fn error(code: EvaluationErrorCode, flag: &str) -> EvaluationError {
    EvaluationError { code, message: Some(format!("feature `{flag}`")) }
}

#[async_trait]
impl FeatureProvider for Provider {
    fn metadata(&self) -> &ProviderMetadata {
        &self.metadata
    }

    async fn resolve_bool_value(
        &self,
        flag: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<bool>> {
        self.resolve(flag, |percent| percent != 0)
    }

    async fn resolve_int_value(
        &self,
        flag: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<i64>> {
        self.resolve(flag, i64::from)
    }

    async fn resolve_float_value(
        &self,
        flag: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<f64>> {
        self.resolve(flag, |percent| f64::from(percent) / 100.0)
    }

    async fn resolve_string_value(
        &self,
        flag: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<String>> {
        Err(error(EvaluationErrorCode::TypeMismatch, flag))
    }

    async fn resolve_struct_value(
        &self,
        flag: &str,
        _: &EvaluationContext,
    ) -> EvaluationResult<ResolutionDetails<StructValue>> {
        Err(error(EvaluationErrorCode::TypeMismatch, flag))
    }
}
