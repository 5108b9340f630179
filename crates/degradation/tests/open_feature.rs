//! OpenFeature's users get their answers from the ladder.
#![cfg(feature = "open-feature")]

use open_feature::{EvaluationErrorCode, OpenFeature};
use salve_degradation::{Config, Feature, Handle, Provider};

#[tokio::test]
async fn a_client_asks_as_it_is_used_to() {
    let feature = Feature::new("search").with_capability("minimal", 40).falls_at("emergency");
    let shop = Handle::new(Config::new("shop").with_feature(feature)).unwrap();
    let mut api = OpenFeature::default();
    api.set_provider(Provider::from(shop.clone())).await;
    let client = api.create_client();
    for (level, enabled, percent) in
        [("full", true, 100), ("minimal", true, 40), ("emergency", false, 0)]
    {
        shop.degrade(level, "test").unwrap();
        assert_eq!(client.get_bool_value("search", None, None).await.ok(), Some(enabled));
        assert_eq!(client.get_int_value("search", None, None).await.ok(), Some(percent));
        let share = client.get_float_value("search", None, None).await.unwrap();
        assert_eq!(share, percent as f64 / 100.0);
        let details = client.get_bool_details("search", None, None).await.unwrap();
        assert_eq!(details.variant.as_deref(), Some(level));
    }
    let missing = client.get_bool_value("nobody", None, None).await.unwrap_err();
    assert_eq!(missing.code, EvaluationErrorCode::FlagNotFound);
    let text = client.get_string_value("search", None, None).await.unwrap_err();
    assert_eq!(text.code, EvaluationErrorCode::TypeMismatch);
}
