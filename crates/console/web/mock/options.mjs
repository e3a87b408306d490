/** The mock's command line. `node mock/server.mjs --help` says what there is. */

const HELP = `A server that is none: it speaks the console's HTTP interface and MQTT over WebSocket, with made-up data that moves.

  --port N        where it listens on 127.0.0.1 (9983)
  --topics N      so many made-up topics beside those of the greenhouse (200)
  --rate N        so many messages in each second of them (50)
  --login         who does not log in sees nothing; ada/secret may change, eve/eve may look
  --empty         no topics, clients or problems at all
  --no-history    the server remembers nothing
  --no-sampling   midge-sample is not understood: all messages are sent
  --each          each packet in a WebSocket message of its own

POST /mock/lose {"ms":N} ends all connections and answers nobody for so long.`;

export function options(args = process.argv.slice(2)) {
  const found = {
    port: 9983,
    topics: 200,
    rate: 50,
    login: false,
    empty: false,
    history: true,
    sampling: true,
    each: false,
  };
  for (let i = 0; i < args.length; i++) {
    const flag = args[i];
    const number = () => {
      const value = Number(args[++i]);
      if (!Number.isInteger(value) || value < 0) stop(`${flag} wants a number, not ${args[i]}`);
      return value;
    };
    if (flag === '--port') found.port = number();
    else if (flag === '--topics') found.topics = number();
    else if (flag === '--rate') found.rate = number();
    else if (flag === '--login') found.login = true;
    else if (flag === '--empty') found.empty = true;
    else if (flag === '--no-history') found.history = false;
    else if (flag === '--no-sampling') found.sampling = false;
    else if (flag === '--each') found.each = true;
    else if (flag === '--help') stop(HELP, 0);
    else stop(`there is no ${flag}\n\n${HELP}`);
  }
  return found;
}

function stop(text, status = 1) {
  (status === 0 ? console.log : console.error)(text);
  process.exit(status);
}
