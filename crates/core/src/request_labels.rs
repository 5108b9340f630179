//! Rules that say more about a request than the rule they are made from.

use std::hash::{DefaultHasher, Hash, Hasher};

use crate::request::{Class, RequestRule};

/// A name as the number by which a [`RequestRule`] tells scopes and tenants apart: always the same
/// for the same name, and for different names hardly ever.
///
/// ```
/// use salve_core::label;
///
/// assert_eq!(label("eu-1"), label("eu-1"));
/// assert_ne!(label("eu-1"), label("eu-2"));
/// ```
#[must_use]
pub fn label<T: Hash + ?Sized>(name: &T) -> u64 {
    let mut hasher = DefaultHasher::new();
    name.hash(&mut hasher);
    hasher.finish()
}

macro_rules! rule_that_says {
    ($(#[$doc:meta])* $rule:ident, $said:ident: $label:ty, keeps $($kept:ident: $other:ty),+) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default)]
        pub struct $rule<R, F> {
            pub(crate) rule: R,
            pub(crate) $said: F,
        }

        impl<Req, R, F> RequestRule<Req> for $rule<R, F>
        where
            R: RequestRule<Req>,
            F: Fn(&Req) -> Option<$label>,
        {
            #[inline]
            fn is_repeatable(&self, request: &Req) -> bool {
                self.rule.is_repeatable(request)
            }

            #[inline]
            fn $said(&self, request: &Req) -> Option<$label> {
                (self.$said)(request).or_else(|| self.rule.$said(request))
            }

            $(#[inline]
            fn $kept(&self, request: &Req) -> Option<$other> {
                self.rule.$kept(request)
            })+
        }
    };
}

rule_that_says! {
    /// A rule with a function that says the class; see [`RequestRule::with_class`].
    WithClass, class: Class, keeps scope: u64, tenant: u64
}

rule_that_says! {
    /// A rule with a function that says the scope; see [`RequestRule::with_scope`].
    WithScope, scope: u64, keeps class: Class, tenant: u64
}

rule_that_says! {
    /// A rule with a function that says the tenant; see [`RequestRule::with_tenant`].
    WithTenant, tenant: u64, keeps class: Class, scope: u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Repeatable, Unrepeatable};

    #[test]
    fn each_says_its_own_and_leaves_the_rest_to_the_rule_within() {
        let rule = Repeatable
            .with_scope(|request: &u64| Some(request % 10))
            .with_tenant(|request| (*request > 100).then_some(request / 100))
            .with_class(|request| (*request == 0).then_some(Class::Critical));
        assert!(rule.is_repeatable(&7));
        assert_eq!((rule.class(&0), rule.class(&7)), (Some(Class::Critical), None));
        assert_eq!((rule.scope(&207), rule.scope(&40)), (Some(7), Some(0)));
        assert_eq!((rule.tenant(&207), rule.tenant(&40)), (Some(2), None));
    }

    #[test]
    fn the_outer_one_wins_where_it_says_something() {
        let first = Unrepeatable.with_tenant(|_: &u64| Some(1)).with_scope(|_| Some(1));
        let rule = first.with_tenant(|request| (*request > 5).then_some(2)).with_scope(|_| None);
        assert_eq!((rule.tenant(&9), rule.tenant(&0)), (Some(2), Some(1)));
        assert_eq!(rule.scope(&9), Some(1));
        assert!(!rule.is_repeatable(&9));
    }
}
