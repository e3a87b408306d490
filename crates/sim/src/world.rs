//! A world from a seed: it is stirred, then it comes to rest, then everybody leaves.

use std::rc::Rc;

use crate::client::{Client, Habits};
use crate::coroutine;
use crate::ground::Ground;
use crate::random::Random;
use crate::record::Record;
use crate::server::Server;
use crate::settings::Settings;

/// See the module.
pub(crate) struct World {
    ground: Rc<Ground>,
    server: Server,
    clients: Vec<Client>,
    record: Record,
}

/// Steps after which a world that does not come to rest never will.
const STEPS_TO_REST_MAX: usize = 300_000;

/// A rest: how long nothing has happened.
const REST_MS: u64 = 10_000;

impl World {
    pub(crate) fn new(seed: u64, is_traced: bool) -> World {
        let mut random = Random::new(seed);
        let settings = Settings::new(&mut random);
        coroutine::set_chance(random.next(), settings.switch_per_mille);
        let habits: Vec<Habits> = (0..settings.clients)
            .map(|number| Habits::new(&settings, number == 0 && settings.has_witness, &mut random))
            .collect();
        let ground = Rc::new(Ground::new(settings, random, is_traced));
        ground.say("", || format!("{:?}", ground.settings));
        let clients = habits.into_iter().enumerate().map(|(number, habits)| {
            ground.say("", || format!("c{number}: {habits:?}"));
            Client::new(number, habits, ground.clone())
        });
        World { clients: clients.collect(), server: Server::start(&ground), record: Record::default(), ground }
    }

    /// The whole life of it. `Err`: a promise was broken.
    pub(crate) fn run(&mut self) -> Result<(), String> {
        self.welcome_witness()?;
        for _ in 0..self.ground.settings.steps {
            self.step()?;
        }
        self.ground.become_calm();
        self.ground.network.borrow_mut().end_silence();
        self.come_to_rest()?;
        self.check_end()?;
        self.check_retained()?;
        self.leave()
    }

    /// Who is to see everything is there first.
    fn welcome_witness(&mut self) -> Result<(), String> {
        if !self.ground.settings.has_witness {
            return Ok(());
        }
        for _ in 0..STEPS_TO_REST_MAX {
            self.clients[0].act(&mut self.record)?;
            self.go_on()?;
            let session = self.clients[0].session();
            if session.is_some_and(|session| !self.record.sessions[session].asked.is_empty())
                && self.clients[0].is_idle()
            {
                return Ok(());
            }
        }
        Err("the first client cannot subscribe".to_owned())
    }

    /// One thing happens somewhere.
    fn step(&mut self) -> Result<(), String> {
        let ground = self.ground.clone();
        if ground.per_mille(ground.settings.tick_per_mille) {
            ground.pass(1 + ground.below(20) as u64);
        }
        if ground.per_mille(ground.settings.leap_per_mille) && !self.is_any_runnable() {
            self.leap();
        }
        let turn = ground.random.borrow_mut().weighted(&ground.settings.turns);
        match turn {
            0 => {
                self.run_shard();
            }
            1 => {
                self.ground.count_step();
                ground.network.borrow_mut().deliver(&mut ground.random.borrow_mut());
            }
            _ => {
                self.ground.count_step();
                let client = ground.below(self.clients.len());
                self.act(client)?;
            }
        }
        Ok(())
    }

    /// Some time in which nothing happens; at most until something is due, for nobody oversleeps.
    fn leap(&mut self) {
        let most_ms = 500 + self.ground.below(20_000) as u64;
        let due_ms = self.server.next_deadline_ms().unwrap_or(u64::MAX).saturating_sub(self.ground.now_ms());
        let ms = most_ms.min(due_ms);
        self.ground.say("world: ", || format!("{ms} ms pass"));
        self.ground.pass(ms);
    }

    fn act(&mut self, client: usize) -> Result<(), String> {
        let client = &mut self.clients[client];
        client.act(&mut self.record).map_err(|what| format!("{}: {what}", client.name))
    }

    /// Something happens that is no client's doing. `false`: there is nothing to happen.
    fn go_on(&mut self) -> Result<bool, String> {
        self.ground.count_step();
        let ground = self.ground.clone();
        let delivered = ground.one_in(2) && ground.network.borrow_mut().deliver(&mut ground.random.borrow_mut());
        Ok(delivered || self.run_shard() || ground.network.borrow_mut().deliver(&mut ground.random.borrow_mut()))
    }

    fn is_any_runnable(&self) -> bool {
        (0..self.ground.settings.shards).any(|lane| self.server.is_runnable(lane))
    }

    /// One of the shards that can goes on. `false`: all sleep.
    fn run_shard(&mut self) -> bool {
        self.ground.count_step();
        let weights: Vec<u32> = (self.ground.settings.lanes.iter().enumerate())
            .map(|(lane, &weight)| if self.server.is_runnable(lane) { weight } else { 0 })
            .collect();
        if weights.iter().all(|&weight| weight == 0) {
            return false;
        }
        let lane = self.ground.random.borrow_mut().weighted(&weights);
        self.server.resume(lane);
        true
    }

    /// Faults have stopped: everybody connects and answers, until nothing is on its way any more.
    fn come_to_rest(&mut self) -> Result<(), String> {
        let mut quiet_until_ms = None;
        for _ in 0..STEPS_TO_REST_MAX {
            for client in 0..self.clients.len() {
                self.act(client)?;
            }
            let mut has_happened = false;
            for _ in 0..self.clients.len() {
                has_happened |= self.go_on()?;
            }
            let is_readable = self.clients.iter().any(Client::has_something_to_read);
            if has_happened || is_readable {
                continue;
            }
            // Nothing happens by itself: only time can bring something now.
            let until_ms = *quiet_until_ms.get_or_insert(self.ground.now_ms() + REST_MS);
            match self.server.next_deadline_ms().filter(|due| *due <= until_ms) {
                Some(due) => self.ground.pass(due.saturating_sub(self.ground.now_ms()).max(1)),
                None if self.ground.now_ms() < until_ms => self.ground.pass(until_ms - self.ground.now_ms()),
                None if self.clients.iter().all(Client::is_idle) => return Ok(()),
                None => break,
            }
        }
        let waiting: Vec<String> = self.clients.iter().filter(|it| !it.is_idle()).map(Client::waits_for).collect();
        Err(format!("the world does not come to rest: {waiting:?}"))
    }

    /// What was promised has come.
    fn check_end(&mut self) -> Result<(), String> {
        let now = self.ground.moment();
        let wills = self.record.check_wills(&self.ground.network.borrow(), now.ms)?;
        let missing = self.record.missing(&wills, now.step).0;
        let discarded = self.server.count(midge_broker::Counters::publish_dropped);
        if missing.len() as u64 > discarded {
            return Err(format!("{} messages are missing, {discarded} were discarded: {}", missing.len(), missing[0]));
        }
        Ok(())
    }

    /// Somebody new sees what is retained.
    fn check_retained(&mut self) -> Result<(), String> {
        let number = self.clients.len();
        let habits = Habits::newcomer();
        self.clients.push(Client::new(number, habits, self.ground.clone()));
        let asked = self.ground.moment().step;
        self.come_to_rest()?;
        let session = self.clients[number].session().ok_or("the newcomer has no Session")?;
        let of_topic = |message: usize| (self.record.messages[message].topic.to_owned(), message);
        let deliveries = &self.record.sessions[session].deliveries;
        let given: Vec<_> = deliveries.iter().map(|delivery| of_topic(delivery.message)).collect();
        self.record.check_fresh(asked, &given)
    }

    /// Everybody begins anew with a Session that ends, and leaves: nothing may be left.
    fn leave(&mut self) -> Result<(), String> {
        for client in &mut self.clients {
            client.leave(&mut self.record);
        }
        self.come_to_rest()?;
        for client in &mut self.clients {
            client.disconnect(&mut self.record);
        }
        for _ in 0..STEPS_TO_REST_MAX {
            if !self.go_on()? {
                break;
            }
        }
        let left = self.server.leftovers();
        if left.is_empty() { Ok(()) } else { Err(format!("everybody has gone, and there is left: {left}")) }
    }
}
