//! The shared contract, for a bulkhead that stands alone, one around another, and one per key.

use std::borrow::Cow;

use salve_bulkhead::{
    Adaptive, Bulkhead, BulkheadLayer, Config, KeyedBulkheadLayer, KeyedHandle, Order,
};
use salve_core::{Direct, ErrorsAreFailures, RegistryConfig, Unrepeatable};
use tower_layer::Layer;

mod alone {
    use super::*;
    salve_testkit::contract!(absorbing, BulkheadLayer::new(Config::default()).unwrap());
}

mod queued {
    use super::*;

    fn config() -> Config {
        Config::default().with_places(4).with_queue(10).with_order(Order::Lifo)
    }

    salve_testkit::contract!(absorbing, BulkheadLayer::new(config()).unwrap());
}

mod adaptive {
    use super::*;

    salve_testkit::contract!(
        absorbing,
        BulkheadLayer::new(Config::default().with_adaptive(Adaptive::default())).unwrap()
    );
}

mod around_an_absorbing_service {
    use super::*;

    struct Twice;

    impl<S> Layer<S> for Twice {
        type Service = Bulkhead<Bulkhead<S>, Unrepeatable, ErrorsAreFailures, Direct>;

        fn layer(&self, inner: S) -> Self::Service {
            let layer = || BulkheadLayer::new(Config::default()).unwrap();
            layer().layer_by(layer().layer(inner))
        }
    }

    salve_testkit::contract!(absorbing, Twice);
}

mod keyed {
    use super::*;

    fn by_parity(request: &u32) -> Cow<'_, u32> {
        Cow::Owned(request % 2)
    }

    fn layer() -> KeyedBulkheadLayer<u32, fn(&u32) -> Cow<'_, u32>> {
        let handle = KeyedHandle::new(Config::default(), RegistryConfig::default()).unwrap();
        KeyedBulkheadLayer::new(handle, by_parity)
    }

    salve_testkit::contract!(absorbing, layer());
}
