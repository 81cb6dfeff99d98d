//! A guarded client: a cache, a limiter and a breaker around one call, to a service that is down for half a second.

use std::error::Error;
use std::io;
use std::time::{Duration, Instant};

use steadfast::guards::breaker::{BreakerConfig, Trip};
use steadfast::guards::cache::CacheConfig;
use steadfast::guards::rate_limit::RateLimiterConfig;
use steadfast::supervision::Waited;
use steadfast::telemetry::Filter;
use steadfast::{Cache, CircuitBreaker, Quota, RateLimiter, System, TaskSupervisor, WorkerContext};

const SECOND: Duration = Duration::from_secs(1);

/// What stands between this program and the service.
struct Client {
    prices: Cache<u32, u64>,
    pace: RateLimiter,
    breaker: CircuitBreaker,
    began: Instant,
}

fn main() -> Result<(), Box<dyn Error>> {
    env_logger::init();
    let system = System::new("shop")?;
    let changes = Filter::kind("breaker.changed");
    system.telemetry().attach("changes", changes, |event| {
        let [from, to] = ["from", "to"].map(|key| event.text(key).unwrap_or_default());
        println!("the breaker was {from} and is {to}");
    })?;
    let prices = CacheConfig::new(200).ttl(SECOND / 2).grace(5 * SECOND);
    let pace = RateLimiterConfig::new(Quota::per_second(1_000).burst(50));
    let trip = Trip::time_window(SECOND).failure_rate(0.5).min_calls(10);
    let breaker = BreakerConfig::new(trip).telemetry(system.telemetry().clone());
    let client: &Client = Box::leak(Box::new(Client {
        prices: prices.statistics(true).build()?,
        pace: pace.statistics(true).build()?,
        breaker: breaker.open_for(SECOND / 5).build()?,
        began: system.clock().now(),
    }));
    let buyers = system.spawn(TaskSupervisor::new("buyers"))?;
    let items = (0..20_000).map(|_| fastrand::u32(..300).min(fastrand::u32(..300)));
    let answers = buyers.map(items, |item, ctx| match ctx.wait(SECOND / 10_000) {
        Waited::Elapsed => Ok(client.price(*item, ctx)),
        Waited::Stopped => Err("closed".into()),
    });
    let (mut known, mut unknown) = (0, 0);
    for answer in answers.max_concurrency(3).start()? {
        *answer?.map_or(&mut unknown, |_| &mut known) += 1;
    }
    println!("{known} prices, and {unknown} not to be had");
    println!("cache: {}", client.prices.stats());
    println!("limiter: {}", client.pace.stats());
    println!("breaker: {}", client.breaker.stats());
    Ok(system.stop_within(SECOND).into_result()?)
}

impl Client {
    /// The price of an item: kept, or asked for, or else the last one that is known.
    fn price(&self, item: u32, ctx: &WorkerContext) -> Option<u64> {
        let load = || -> Result<_, Box<dyn Error>> {
            self.pace.check()?;
            Ok(self.breaker.call(|| self.ask_service(item, ctx))?)
        };
        let found = self.prices.try_get_or_insert_with(item, load);
        found.ok().or_else(|| self.prices.get_stale(&item))
    }

    /// The one call: it takes a millisecond, and fails once in twenty times; for half a second always.
    fn ask_service(&self, item: u32, ctx: &WorkerContext) -> io::Result<u64> {
        let is_stopped = ctx.wait(SECOND / 1_000) == Waited::Stopped;
        let is_down = (SECOND / 2..SECOND).contains(&(ctx.clock().now() - self.began));
        if is_stopped || is_down || fastrand::u8(..) < 13 {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        Ok(u64::from(item) * 100)
    }
}
