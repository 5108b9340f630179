//! salve: features asked for by flag and by name, and the layer that gates a service.

use salve_degradation::{Config, DegradationLayer, Feature, Handle};
use tower::Layer;

use super::DEGRADATION;
use super::salve::Failure;
use crate::case::Case;
use crate::inner::inner;

const FEATURE: &str = "recommendations";

/// A ladder with as many features as a large service may have.
fn ladder() -> Handle {
    let names = (0..40).map(|nth| format!("feature-{nth}")).chain([FEATURE.to_owned()]);
    let config = names.fold(Config::new("bench"), |config, name| {
        config.with_feature(Feature::new(name).with_priority(20))
    });
    Handle::new(config).expect("the settings of this case are valid")
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::service(DEGRADATION, "salve, a service gated by a feature", || {
            let flag = ladder().feature(FEATURE).expect("the feature is named above");
            let service = DegradationLayer::from(flag).layer(inner!(Failure));
            move || service.clone()
        })
        .contended(),
        Case::sync(DEGRADATION, "salve, is_enabled of a flag", || {
            let flag = ladder().feature(FEATURE).expect("the feature is named above");
            move || {
                let flag = flag.clone();
                move |n: u64| if flag.is_enabled() { Ok(n) } else { Err(()) }
            }
        }),
        Case::sync(DEGRADATION, "salve, is_enabled by name", || {
            let ladder = ladder();
            move || {
                let ladder = ladder.clone();
                move |n: u64| if ladder.is_enabled(FEATURE) { Ok(n) } else { Err(()) }
            }
        }),
    ]
}
