/**
 * A WebSocket on a thread of its own. A message costs the browser tens of microseconds before any of our code runs; here that
 * does not hold up the page, which gets what came within a frame as one piece.
 */

const GATHER_MS = 12;
const MOST_GATHERED_BYTES = 1 << 20;

export type ToWorker = { open: string; protocol: string } | { send: Uint8Array<ArrayBuffer> } | 'close';
export type FromWorker = 'open' | 'close' | ArrayBuffer;

let socket: WebSocket | null = null;
let gathered: Uint8Array[] = [];
let gatheredBytes = 0;
let timer: ReturnType<typeof setTimeout> | null = null;

function tell(message: FromWorker) {
  postMessage(message, { transfer: message instanceof ArrayBuffer ? [message] : [] });
}

function flush() {
  if (timer !== null) clearTimeout(timer);
  timer = null;
  if (gatheredBytes === 0) return;
  const all = new Uint8Array(gatheredBytes);
  let at = 0;
  for (const bytes of gathered) {
    all.set(bytes, at);
    at += bytes.length;
  }
  gathered = [];
  gatheredBytes = 0;
  tell(all.buffer);
}

function received(data: unknown) {
  if (!(data instanceof ArrayBuffer)) return;
  gathered.push(new Uint8Array(data));
  gatheredBytes += data.byteLength;
  if (gatheredBytes > MOST_GATHERED_BYTES) flush();
  else timer ??= setTimeout(flush, GATHER_MS);
}

onmessage = ({ data }: MessageEvent<ToWorker>) => {
  if (data === 'close') {
    socket?.close();
    close();
  } else if ('send' in data) {
    if (socket?.readyState === WebSocket.OPEN) socket.send(data.send);
  } else {
    socket = new WebSocket(data.open, data.protocol);
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => tell('open');
    socket.onmessage = (event: MessageEvent<unknown>) => received(event.data);
    socket.onclose = () => {
      flush();
      tell('close');
    };
  }
};
