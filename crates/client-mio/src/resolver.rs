//! Names are looked up by a thread of their own, as the system offers nothing that does not block.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use mio::Waker;

/// One thread, begun with the first look-up that needs it. It ends with the resolver, or when the system has answered.
#[derive(Debug)]
pub(crate) struct Resolver {
    questions: Option<Sender<Question>>,
    answers: Arc<Mutex<Vec<Answer>>>,
    waker: Arc<Waker>,
}

#[derive(Debug)]
struct Question {
    slot: usize,
    ticket: u64,
    host: Box<str>,
    port: u16,
}

/// What the system says to a name.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) slot: usize,
    /// Which of the questions of this slot it answers.
    pub(crate) ticket: u64,
    pub(crate) addresses: io::Result<Vec<SocketAddr>>,
}

impl Resolver {
    pub(crate) fn new(waker: Arc<Waker>) -> Resolver {
        Resolver { questions: None, answers: Arc::default(), waker }
    }

    /// Begins to look up a name. The answer comes with [`Resolver::take`] after the waker has woken.
    pub(crate) fn ask(&mut self, slot: usize, ticket: u64, host: &str, port: u16) -> io::Result<()> {
        let question = Question { slot, ticket, host: host.into(), port };
        let questions = match &self.questions {
            Some(questions) => questions,
            None => self.questions.insert(begin(Arc::clone(&self.answers), Arc::clone(&self.waker))?),
        };
        questions.send(question).map_err(|_| io::Error::other("the thread that looks up names has ended"))
    }

    /// What was answered since.
    pub(crate) fn take(&self) -> Vec<Answer> {
        std::mem::take(&mut self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The addresses of a host that needs no look-up.
pub(crate) fn literal(host: &str, port: u16) -> Option<SocketAddr> {
    host.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, port))
}

fn begin(answers: Arc<Mutex<Vec<Answer>>>, waker: Arc<Waker>) -> io::Result<Sender<Question>> {
    let (sender, questions) = channel();
    thread::Builder::new().name("names".to_owned()).spawn(move || answer(&questions, &answers, &waker))?;
    Ok(sender)
}

fn answer(questions: &Receiver<Question>, answers: &Mutex<Vec<Answer>>, waker: &Waker) {
    while let Ok(Question { slot, ticket, host, port }) = questions.recv() {
        let addresses = (&*host, port).to_socket_addrs().map(Iterator::collect);
        answers.lock().unwrap_or_else(PoisonError::into_inner).push(Answer { slot, ticket, addresses });
        // Nobody is left to be woken where this fails.
        let _ = waker.wake();
    }
}
