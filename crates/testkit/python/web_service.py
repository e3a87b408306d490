"""A web service that says who may come in and what they may do, as an operator would write one with the standard library.

Prints its port, then one line for each question. With two arguments, a certificate and its key, it speaks TLS.
"""

import json
import ssl
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GRANTS = {
    "ada": {"publish": ["up/%c"], "subscribe": ["down/#"]},
    "short": {"publish": ["#"], "subscribe": ["#"], "expires_in": 1},
    "odd": ["up"],
    None: {"subscribe": ["news"]},
}


class Service(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        question = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        username = question["username"]
        print(self.path, username, flush=True)
        if username == "slow":
            time.sleep(30)
        if username == "broken":
            self.answer(500)
        elif username == "accepted":
            self.answer(202)
        elif self.path == "/user":
            self.answer(200 if question["password"] == 'sec"ret' and question["clientid"] else 403)
        elif username in GRANTS:
            self.answer(200, json.dumps(GRANTS[username]))
        else:
            self.answer(401)

    def answer(self, status, body=""):
        self.send_response(status)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        chunk = f"{len(body):x}\r\n{body}\r\n" if body else ""
        self.wfile.write(f"{chunk}0\r\n\r\n".encode())

    def log_message(self, *arguments):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Service)
if len(sys.argv) == 3:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(sys.argv[1], sys.argv[2])
    server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_port, flush=True)
server.serve_forever()
