//! Breakers by name.

use std::sync::Arc;

use steadfast::guards::breaker::{
    BreakerConfig, BreakerError, BreakerFault, BreakerRegistry, Phase, RegistryError, Trip,
};

use super::breaker::simple;

// S13
#[test]
fn breakers_of_a_registry_have_names_and_keep_their_first_configuration() {
    let registry = BreakerRegistry::with_max_breakers(simple(), 2).expect("valid");
    let first = registry.breaker_with("a", |_| BreakerConfig::new(Trip::consecutive(1)));
    let again = registry.breaker("a").expect("there");
    assert!(Arc::ptr_eq(&first.expect("room"), &again));
    assert!(again.call(|| Err::<(), _>(1)).is_err());
    assert_eq!(again.phase(), Phase::Open);
    assert_eq!(registry.breaker("b").expect("room").phase(), Phase::Closed);
    let full = registry.breaker("c").map(drop);
    assert_eq!(full, Err(RegistryError::TooMany { most: 2 }));
    let names: Vec<_> = registry
        .names()
        .iter()
        .map(|name| name.to_string())
        .collect();
    assert_eq!(names, ["a", "b"]);
    assert!(registry.remove("a") && !registry.remove("a"));
    let invalid = registry.breaker_with("c", |config| config.probes(0));
    assert!(matches!(invalid, Err(RegistryError::Invalid(_))));
}

#[test]
fn a_breaker_that_comes_while_one_of_its_name_is_made_is_the_one() {
    let registry = BreakerRegistry::with_max_breakers(simple(), 1).expect("valid");
    let mut first = None;
    let second = registry.breaker_with("a", |config| {
        first = registry.breaker("a").ok();
        config
    });
    let first = first.expect("room");
    assert!(Arc::ptr_eq(&first, &second.expect("it is there")));
    assert!(Arc::ptr_eq(&first, &registry.get("a").expect("it stays")));
}

#[test]
fn a_breaker_has_a_name_or_none_and_a_registry_has_a_place() {
    let fault = |error: BreakerError| error.faults().to_vec();
    let unnamed = simple().name("").build().map(drop);
    assert_eq!(unnamed.map_err(fault), Err(vec![BreakerFault::EmptyName]));
    let none = BreakerRegistry::with_max_breakers(simple(), 0).map(drop);
    assert_eq!(none.map_err(fault), Err(vec![BreakerFault::NoPlaces]));
    let registry = BreakerRegistry::new(simple()).expect("valid");
    assert!(registry.get("a").is_none() && registry.breaker("a").is_ok());
    assert!(registry.get("a").is_some() && registry.breaker("").is_err());
}
