//! salve: a service behind a chaos point that nobody has armed.

use salve_chaos::{ChaosLayer, Config, Fault, Handle, Rule, WatchLayer};
use tower::Layer;

use super::CHAOS;
use super::salve::Failure;
use crate::case::Case;
use crate::inner::inner;

fn point() -> Handle {
    let config = Config::new("bench").with_rule(Rule::new("down", Fault::ERROR));
    Handle::new(config).expect("the settings of this case are valid")
}

pub(crate) fn cases() -> Vec<Case> {
    vec![
        Case::service(CHAOS, "salve", || {
            let service = ChaosLayer::from(point()).layer(inner!(Failure));
            move || service.clone()
        })
        .contended(),
        Case::service(CHAOS, "salve, watched for experiments", || {
            let service = WatchLayer::from(point()).layer(inner!(Failure));
            move || service.clone()
        }),
    ]
}
