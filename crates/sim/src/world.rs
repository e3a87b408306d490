//! A world from a seed: it is stirred, then it comes to rest, then everybody leaves.

use std::rc::Rc;

use crate::client::{Client, Habits};
use crate::coroutine;
use crate::disk::Disk;
use crate::ground::{Ground, WantedServices};
use crate::library::Library;
use crate::mutation::Mutation;
use crate::record::{Death, Record};
use crate::server::{End, Server};
use crate::service::Service;
use crate::settings::{SHARDS_MAX, Settings, Space};
use crate::{How, Seen};
use midge_choices::Random;
use midge_store::memory_disk::{Fault, MemoryDisk};

/// See the module.
pub(crate) struct World {
    ground: Rc<Ground>,
    /// None while it is dead.
    server: Option<Server>,
    /// Without one the server keeps nothing, and never dies.
    disk: Option<Disk>,
    /// Messages that servers which are dead now have discarded.
    discarded: u64,
    /// Some operation of the disk is to fail, or has.
    has_disk_fault: bool,
    clients: Vec<Client>,
    libraries: Vec<Library>,
    services: Vec<Service>,
    record: Record,
}

/// Steps after which a world that does not come to rest never will.
const STEPS_TO_REST_MAX: usize = 300_000;

/// The most libraries of any world that has some.
const LIBRARIES_MAX: usize = 3;

/// A rest: how long nothing has happened.
const REST_MS: u64 = 10_000;

impl World {
    pub(crate) fn new(seed: u64, how: How) -> World {
        let mut random = Random::new(seed);
        let mut settings = Settings::new(how.is_durable, &mut random);
        if how.has_libraries {
            // Whom a full disk refuses something is another matter.
            settings.space = None;
        }
        if how.has_services {
            settings.choose_services();
        }
        coroutine::set_chance(random.next(), settings.switch_per_mille, settings.disk_per_mille);
        let disk = settings.is_durable.then(|| {
            let memory = MemoryDisk::new(random.next());
            memory.limit_bytes(settings.space.and_then(|space| space.disk_bytes));
            Disk { memory, hides_fullness: how.mutation == Some(Mutation::FullDiskTakenForWritten) }
        });
        let habits: Vec<Habits> = (0..settings.clients)
            .map(|number| Habits::new(&settings, number == 0 && settings.has_witness, &mut random))
            .collect();
        let ground = Rc::new(Ground::new(settings, random, how));
        ground.say("", || format!("{:?}", ground.settings));
        let clients = habits.into_iter().enumerate().map(|(number, habits)| {
            ground.say("", || format!("c{number}: {habits:?}"));
            Client::new(number, habits, ground.clone())
        });
        let clients = clients.collect();
        let random = &mut Random::new(ground.settings.options.seed);
        let count = if how.has_libraries { random.between(1, LIBRARIES_MAX) } else { 0 };
        let libraries = (0..count).map(|number| Library::new(number, ground.clone(), random)).collect();
        let habits = ground.settings.services.iter().cloned().enumerate();
        let services: Vec<Service> = habits.map(|(number, it)| Service::new(number, it, ground.clone())).collect();
        ground.wanted.borrow_mut().services = services.iter().map(Service::whole).collect();
        let server = Some(Server::start(&ground, disk.clone(), ground.settings.shards as u16));
        let record = Record { may_refuse: ground.may_refuse(), ..Record::default() };
        World { clients, libraries, services, server, disk, discarded: 0, has_disk_fault: false, record, ground }
    }

    /// The whole life of it. `Err`: a promise was broken.
    pub(crate) fn run(&mut self) -> Result<Seen, String> {
        self.welcome_witness()?;
        for _ in 0..self.ground.settings.steps {
            self.step()?;
        }
        self.ground.become_calm();
        self.make_room()?;
        self.settle_services()?;
        self.want_services(self.services.iter().map(Service::whole).collect());
        self.ground.network.borrow_mut().end_silence();
        self.come_to_rest()?;
        if self.disk.is_some() && self.ground.one_in(2) {
            self.die("at rest")?;
            self.come_to_rest()?;
        }
        self.check_end()?;
        self.check_retained()?;
        self.leave()?;
        Ok(self.ground.seen())
    }

    /// Who is to see everything is there first.
    fn welcome_witness(&mut self) -> Result<(), String> {
        // There may be no room for it in the log.
        if !self.ground.settings.has_witness || self.ground.may_refuse() {
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
        self.disturb_server()?;
        let turn = ground.random.borrow_mut().weighted(&ground.settings.turns);
        match turn {
            0 => {
                self.run_server()?;
            }
            1 => {
                self.ground.count_step();
                ground.network.borrow_mut().deliver(&mut ground.random.borrow_mut());
            }
            _ => {
                self.ground.count_step();
                let client = ground.below(self.clients.len() + self.libraries.len() + self.services.len());
                self.act(client)?;
            }
        }
        Ok(())
    }

    /// Some time in which nothing happens; at most until something is due, for nobody oversleeps.
    fn leap(&mut self) {
        let most_ms = 500 + self.ground.below(20_000) as u64;
        let due_ms = self
            .server
            .as_ref()
            .and_then(Server::next_deadline_ms)
            .unwrap_or(u64::MAX)
            .saturating_sub(self.ground.now_ms());
        let ms = most_ms.min(due_ms);
        self.ground.say("world: ", || format!("{ms} ms pass"));
        self.ground.pass(ms);
    }

    /// A client does something, or a library behind them, or a service behind those.
    fn act(&mut self, client: usize) -> Result<(), String> {
        if let Some(at) = client.checked_sub(self.clients.len() + self.libraries.len()) {
            let is_in_force = self.server.as_ref().is_some_and(Server::has_settings_in_force);
            let log = self.server.as_ref().map_or((0, 0), Server::log_positions);
            let service = &mut self.services[at];
            return service.act(&mut self.record, is_in_force, log).map_err(|what| format!("{}: {what}", service.name));
        }
        if let Some(at) = client.checked_sub(self.clients.len()) {
            let library = &mut self.libraries[at];
            return library.act(&mut self.record).map_err(|what| format!("{}: {what}", library.name));
        }
        let client = &mut self.clients[client];
        client.act(&mut self.record).map_err(|what| format!("{}: {what}", client.name))
    }

    /// Something happens that is no client's doing. `false`: there is nothing to happen.
    fn go_on(&mut self) -> Result<bool, String> {
        self.ground.count_step();
        let ground = self.ground.clone();
        let delivered = ground.one_in(2) && ground.network.borrow_mut().deliver(&mut ground.random.borrow_mut());
        Ok(delivered || self.run_server()? || ground.network.borrow_mut().deliver(&mut ground.random.borrow_mut()))
    }

    fn is_any_runnable(&self) -> bool {
        self.server.as_ref().is_none_or(|server| server.weights().iter().any(|&weight| weight > 0))
    }

    /// One of the server's threads that can goes on. `false`: all sleep.
    fn run_server(&mut self) -> Result<bool, String> {
        self.ground.count_step();
        let Some(server) = &mut self.server else {
            if self.ground.is_calm() || self.ground.one_in(20) {
                self.start_server();
            }
            return Ok(true);
        };
        let weights = server.weights();
        if weights.iter().all(|&weight| weight == 0) {
            return Ok(false);
        }
        let thread = self.ground.random.borrow_mut().weighted(&weights);
        if let Err(End { what, is_for_room }) = server.resume(thread) {
            // What the operator allows is no reason: what has to be written at a start makes room.
            let may_be_for_room = is_for_room && self.ground.settings.space.is_some_and(|it| it.disk_bytes.is_some());
            if !self.has_disk_fault && !may_be_for_room {
                return Err(format!("the server ends by itself: {what}"));
            }
            self.ground.see(|seen| seen.starts_without_room += u32::from(is_for_room));
            self.die(&what)?;
        }
        Ok(true)
    }

    fn start_server(&mut self) {
        let settings = &self.ground.settings;
        let shards = if settings.varies_shards { 1 + self.ground.below(SHARDS_MAX) } else { settings.shards };
        self.server = Some(Server::start(&self.ground, self.disk.clone(), shards as u16));
    }

    /// Now and then the server dies, its disk fails, or it is told to take a snapshot.
    fn disturb_server(&mut self) -> Result<(), String> {
        if self.ground.settings.reloads > 0 && self.ground.below(100_000) < self.ground.settings.reloads as usize {
            self.change_services();
        }
        let Some(Disk { memory: disk, .. }) = &self.disk else { return Ok(()) };
        let (ground, settings) = (&self.ground, &self.ground.settings);
        let Some(server) = &self.server else { return Ok(()) };
        if ground.per_mille(settings.snapshots_per_mille) {
            server.order_snapshot();
        }
        if ground.below(100_000) < settings.disk_faults as usize && !self.has_disk_fault {
            let at = disk.operations() + ground.below(30) as u64;
            let fault = if ground.one_in(2) { Fault::Once } else { Fault::ForGood };
            ground.say("world: ", || format!("operation {at} of the disk will fail, {fault:?}"));
            disk.fail_at(at, fault, std::io::ErrorKind::Other);
            self.has_disk_fault = true;
        }
        if settings.space.is_some_and(|space| ground.below(100_000) < space.changes as usize) {
            self.change_room();
        }
        if ground.below(100_000) < settings.deaths as usize {
            self.die("killed")?;
        }
        Ok(())
    }

    /// Others take some of the disk's room, or give it back.
    fn change_room(&self) {
        let (Some(Disk { memory, .. }), settings) = (&self.disk, &self.ground.settings) else { return };
        let segments = [0, 0, 1, 4, 16][self.ground.below(5)];
        let limit = memory.used_bytes() + segments * settings.segment_bytes + self.ground.below(1000) as u64;
        self.ground.say("world: ", || format!("the disk takes {limit} bytes from now on"));
        memory.limit_bytes(Some(limit));
    }

    /// The faults stop, and the operator makes room.
    fn make_room(&mut self) -> Result<(), String> {
        let Some(Disk { memory, .. }) = &self.disk else { return Ok(()) };
        memory.mend();
        memory.limit_bytes(None);
        let is_taken_back = |space: Space| space.log_bytes_max.is_some() && space.is_bound_taken_back;
        if self.ground.settings.space.is_some_and(is_taken_back) {
            self.ground.take_back_bound();
            self.die("to be configured anew")?;
        }
        Ok(())
    }

    /// The server dies: what is on the disk is all that is left of it.
    fn die(&mut self, why: &str) -> Result<(), String> {
        let Some(server) = self.server.take() else { return Ok(()) };
        let Some(disk) = self.disk.take() else { return Ok(()) };
        let now = self.ground.moment();
        let is_power_cut = self.ground.per_mille(self.ground.settings.power_cut_per_mille);
        self.ground.say("world: ", || format!("the server dies: {why}, power cut: {is_power_cut}"));
        let seed = self.ground.random.borrow_mut().next();
        let memory = if is_power_cut { disk.memory.crash(seed) } else { disk.memory.kill() };
        self.disk = Some(Disk { memory, ..disk });
        self.has_disk_fault = false;
        let unsafe_since = server.unsafe_since().unwrap_or(now.step);
        self.record.deaths.push(Death { at: now, unsafe_since });
        self.discarded += server.count(midge_broker::Counters::publish_discarded);
        drop(server);
        self.ground.network.borrow_mut().server_dies(&mut self.ground.random.borrow_mut(), now);
        self.record.sessions.iter_mut().for_each(|session| session.here_since = None);
        self.clients.iter().for_each(|client| client.note_death(&mut self.record));
        self.record.let_wills_of_the_dead(&self.ground.network.borrow());
        if !self.services.is_empty() {
            // Nobody is killed and started again so quickly that the clock on the wall has not gone on.
            self.ground.pass(1 + self.ground.below(100) as u64);
        }
        self.services.iter_mut().try_for_each(|service| service.die(&mut self.record))
    }

    /// The operator gives up services, wants other topics of them, or wants them back.
    fn change_services(&mut self) {
        // One change is in force before the next one is looked at.
        if self.server.is_some() && !self.services.iter().all(Service::is_settled) {
            return;
        }
        let mut wanted = Vec::new();
        for service in &self.services {
            let (client_id, filters) = service.whole();
            match self.ground.below(4) {
                0 => self.ground.see(|seen| seen.services_given_up += 1),
                1 => wanted.push((client_id, filters[..1].to_vec())),
                _ => wanted.push((client_id, filters)),
            }
        }
        self.want_services(wanted);
    }

    /// What the operator wants is in force.
    fn settle_services(&mut self) -> Result<(), String> {
        for _ in 0..STEPS_TO_REST_MAX {
            if self.services.iter().all(Service::is_settled) {
                return Ok(());
            }
            (self.clients.len() + self.libraries.len()..).take(self.services.len()).try_for_each(|at| self.act(at))?;
            self.go_on()?;
        }
        Err("what the operator wants is never in force".to_owned())
    }

    fn want_services(&mut self, services: Vec<(String, Vec<usize>)>) {
        if self.services.is_empty() || self.ground.wanted.borrow().services == services {
            return;
        }
        self.ground.say("world: ", || format!("the operator wants {services:?}"));
        let number = self.ground.wanted.borrow().number + 1;
        self.ground.wanted.replace(WantedServices { number, services });
        self.services.iter_mut().for_each(|service| service.note_wanted(&mut self.record));
        self.server.iter().for_each(Server::wake_all);
    }

    /// Faults have stopped: everybody connects and answers, until nothing is on its way any more.
    fn come_to_rest(&mut self) -> Result<(), String> {
        let mut quiet_until_ms = None;
        for _ in 0..STEPS_TO_REST_MAX {
            if self.ground.may_refuse() {
                // Who is refused comes again at once, for ever: there is room again after some time, not after many attempts, of
                // which each with a Will takes some.
                self.ground.pass(10);
            }
            let count = self.clients.len() + self.libraries.len() + self.services.len();
            for client in 0..count {
                self.act(client)?;
            }
            let mut has_happened = false;
            for _ in 0..count {
                has_happened |= self.go_on()?;
            }
            let is_readable = self.clients.iter().any(Client::has_something_to_read)
                || self.libraries.iter().any(Library::has_something_to_read)
                || self.services.iter().any(Service::has_something_to_read);
            if has_happened || is_readable {
                continue;
            }
            // Nothing happens by itself: only time can bring something now.
            let until_ms = *quiet_until_ms.get_or_insert(self.ground.now_ms() + REST_MS);
            match self.server.as_ref().and_then(Server::next_deadline_ms).filter(|due| *due <= until_ms) {
                Some(due) => self.ground.pass(due.saturating_sub(self.ground.now_ms()).max(1)),
                None if self.ground.now_ms() < until_ms => self.ground.pass(until_ms - self.ground.now_ms()),
                None if self.is_everybody_idle() => return Ok(()),
                None => break,
            }
        }
        let clients = self.clients.iter().filter(|it| !it.is_idle()).map(Client::waits_for);
        let libraries = self.libraries.iter().filter(|it| !it.is_idle()).map(Library::waits_for);
        let services = self.services.iter().filter(|it| !it.is_idle()).map(Service::waits_for);
        let waiting: Vec<String> = clients.chain(libraries).chain(services).collect();
        Err(format!("the world does not come to rest: {waiting:?}"))
    }

    fn is_everybody_idle(&self) -> bool {
        self.clients.iter().all(Client::is_idle)
            && self.libraries.iter().all(Library::is_idle)
            && self.services.iter().all(Service::is_idle)
    }

    /// What was promised has come.
    fn check_end(&mut self) -> Result<(), String> {
        self.libraries.iter().try_for_each(|library| library.check_end(&self.record))?;
        let now = self.ground.moment();
        let wills = self.record.check_wills(&self.ground.network.borrow(), now.ms)?;
        // No bound but that of the log discards what waits for a service.
        if let Some(missing) = self.record.missing_points(&wills, now.step).first() {
            return Err(missing.clone());
        }
        let missing = self.record.missing(&wills, now.step).0;
        let of_server = |server: &Server| server.count(midge_broker::Counters::publish_discarded);
        let discarded = self.discarded + self.server.as_ref().map_or(0, of_server);
        // A server that dies in the middle of a turn takes its counts with it.
        let has_lost_count = self.ground.settings.options.max_queued_messages > 0 && !self.record.deaths.is_empty();
        if missing.len() as u64 > discarded && !has_lost_count {
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
        let first = |delivery: &&crate::record::Delivery| !delivery.dup;
        let given: Vec<_> = deliveries.iter().filter(first).map(|delivery| of_topic(delivery.message)).collect();
        self.record.check_fresh(asked, &given)
    }

    /// Everybody begins anew with a Session that ends, and leaves: nothing may be left.
    fn leave(&mut self) -> Result<(), String> {
        self.want_services(Vec::new());
        for client in &mut self.clients {
            client.leave(&mut self.record);
        }
        for library in &mut self.libraries {
            library.leave(&mut self.record)?;
        }
        self.come_to_rest()?;
        for client in &mut self.clients {
            client.disconnect(&mut self.record);
        }
        for library in &mut self.libraries {
            library.disconnect(&mut self.record)?;
        }
        for _ in 0..STEPS_TO_REST_MAX {
            if !self.go_on()? {
                break;
            }
        }
        let left = self.server.as_ref().map_or_else(String::new, Server::leftovers);
        if left.is_empty() { Ok(()) } else { Err(format!("everybody has gone, and there is left: {left}")) }
    }
}
