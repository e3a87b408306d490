//! Logins that were under way when the rules changed: whoever is asked about them answers late.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

use midge_testkit::{Conversation, on_each_shard_count};

use crate::shards_line;

/// A web service that answers when it is told to.
struct Service(TcpListener);

impl Service {
    fn new() -> Service {
        Service(TcpListener::bind("127.0.0.1:0").expect("a port"))
    }

    fn line(&self) -> String {
        format!("auth_http_user_url http://{}/user\n", self.0.local_addr().expect("an address"))
    }

    /// The next question; the connection answers it.
    fn question(&self) -> TcpStream {
        let (mut connection, _) = self.0.accept().expect("a connection");
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"}") {
            let mut byte = [0];
            connection.read_exact(&mut byte).expect("a question");
            bytes.push(byte[0]);
        }
        connection
    }
}

fn say_yes(mut question: TcpStream) {
    question.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").expect("an answer");
}

/// Whom nobody would let in any more when the answer comes is not welcomed by it, and nothing counts that he has sent.
#[test]
fn a_login_that_outlasts_a_reload_is_judged_by_what_counts_then() {
    on_each_shard_count("", |server| {
        let (service, shards) = (Service::new(), shards_line(server));
        let anybody = format!("{shards}failed_login_delay 0\nwatch_files false\nallow_anonymous true\n");
        server.reload_with(&format!("{anybody}{}", service.line()));

        // Enough that some belong on other shards than where they come in.
        let mut clients: Vec<_> = (0..6).map(|_| server.connect()).collect();
        for (number, client) in clients.iter_mut().enumerate() {
            client.send(&format!("CONNECT v5 clean id=c{number} username=u password=p"));
            client.send("PUBLISH t m=early retain");
        }
        let questions: Vec<_> = clients.iter().map(|_| service.question()).collect();
        std::fs::write(server.path("passwords"), "").expect("written");
        let nobody = format!("password_file {}\n", server.path("passwords").display());
        server.reload_with(&format!("{anybody}{nobody}"));
        questions.into_iter().for_each(say_yes);
        for client in &mut clients {
            client.expect("CONNACK 0x87");
            client.expect_closed();
        }
        Conversation::with(server).play("w connects v5 clean\nw subscribes t\nw< nothing");
        assert_eq!(server.count_log("New client connected from * as c*"), 0);
    });
}
