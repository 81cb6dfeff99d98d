//! When a supervisor that stops its children in order gives the order up.

use std::time::Instant;

/// Of the time that a stop may take, so many tenths belong to the order.
const TENTHS_IN_ORDER: u32 = 9;
const TENTHS: u32 = 10;

/// When all children that are left are asked at once.
///
/// One child that hangs would otherwise take the whole time of those that come after it, and they
/// would be abandoned although they would have ended when asked. So the last tenth belongs to all.
pub(crate) fn gives_up_order_at(began: Instant, deadline: Instant) -> Instant {
    let whole = deadline.saturating_duration_since(began);
    began + whole / TENTHS * TENTHS_IN_ORDER
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    // decision 14
    #[test]
    fn order_is_given_up_when_nine_tenths_of_the_time_are_used_up() {
        let began = crate::supervision::machine::tests::origin();
        let after = |ms| began + Duration::from_millis(ms);
        assert_eq!(gives_up_order_at(began, after(1000)), after(900));
        assert_eq!(gives_up_order_at(began, began), began);
        assert_eq!(gives_up_order_at(after(5), began), after(5));
    }
}
