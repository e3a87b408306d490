/** A WebSocket on another thread (see there) with as much of a WebSocket's face as the link needs. */

import type { FromWorker, ToWorker } from './socket_worker';

export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  send(bytes: Uint8Array<ArrayBuffer>): void;
  close(): void;
}

class WorkerSocket implements Socket {
  onopen: Socket['onopen'] = null;
  onmessage: Socket['onmessage'] = null;
  onclose: Socket['onclose'] = null;
  private readonly worker = new Worker(new URL('./socket_worker.ts', import.meta.url), { type: 'module' });

  constructor(url: string, protocol: string) {
    this.worker.onmessage = ({ data }: MessageEvent<FromWorker>) => {
      if (data === 'open') this.onopen?.();
      else if (data === 'close') this.onclose?.();
      else this.onmessage?.({ data });
    };
    this.worker.onerror = () => this.onclose?.();
    this.post({ open: url, protocol });
  }

  private post(message: ToWorker) {
    this.worker.postMessage(message);
  }

  send(bytes: Uint8Array<ArrayBuffer>) {
    this.post({ send: bytes });
  }

  close() {
    this.post('close');
  }
}

/** A plain one where there are no workers. */
export function openSocket(url: string, protocol: string): Socket {
  if (typeof Worker !== 'undefined') return new WorkerSocket(url, protocol);
  const socket = new WebSocket(url, protocol);
  socket.binaryType = 'arraybuffer';
  return socket as Socket;
}
