//! A SOCKS5 proxy (RFC 1928) that wants a user and a password (RFC 1929), and leads to this machine only.

use std::io::{Read, Result, Write, copy};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::thread;

/// Starts one, which runs as long as the test's process; gives its port. Whatever name or address of IPv4 it is told, it connects
/// to that port of 127.0.0.1.
pub fn start(user_name: &'static str, password: &'static str) -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let port = listener.local_addr().expect("it is bound").port();
    thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // Whoever breaks off has what he wanted.
            thread::spawn(move || serve(client, (user_name, password)).ok());
        }
    });
    port
}

fn serve(mut client: TcpStream, login: (&str, &str)) -> Result<()> {
    let methods = usize::from(take(&mut client, 2)?[1]);
    take(&mut client, methods)?;
    client.write_all(&[5, BY_PASSWORD])?;
    take(&mut client, 1)?;
    let (user_name, password) = (take_counted(&mut client)?, take_counted(&mut client)?);
    let is_known = (&*user_name, &*password) == (login.0.as_bytes(), login.1.as_bytes());
    client.write_all(&[1, u8::from(!is_known)])?;
    if !is_known {
        return Ok(());
    }
    match take(&mut client, 4)?[3] {
        NAME => take_counted(&mut client)?,
        _ => take(&mut client, Ipv4Addr::BITS as usize / 8)?,
    };
    let port = take(&mut client, 2)?;
    let Ok(mut server) = TcpStream::connect((Ipv4Addr::LOCALHOST, u16::from_be_bytes([port[0], port[1]]))) else {
        return client.write_all(&[5, REFUSED, 0, 1, 0, 0, 0, 0, 0, 0]);
    };
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?;
    let (mut from_server, mut to_client) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || copy(&mut from_server, &mut to_client));
    copy(&mut client, &mut server)?;
    server.shutdown(Shutdown::Write)
}

fn take(client: &mut TcpStream, count: usize) -> Result<Vec<u8>> {
    let mut bytes = vec![0; count];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Bytes behind their count.
fn take_counted(client: &mut TcpStream) -> Result<Vec<u8>> {
    let count = take(client, 1)?[0];
    take(client, count.into())
}

const BY_PASSWORD: u8 = 2;
const NAME: u8 = 3;

/// "Connection refused", as the proxy answers.
const REFUSED: u8 = 5;
