/** Requests to the console's own server, with the name and password that the user has given. */

import { signal } from '@preact/signals';
import { toBase64 } from '../payload/text';

export class ApiError extends Error {
  constructor(
    /** 0: the server did not answer. */
    readonly status: number,
    /** The word of the error. */
    readonly error: string,
    message: string,
    readonly retryAfterS: number | null = null,
  ) {
    super(message);
  }
}

export interface Credentials {
  username: string;
  password: string;
}

/** Who the user says to be. In memory; in the tab's storage only if he wants it. */
export const credentials = signal<Credentials | null>(null);
/** Whether the last request was answered at all. */
export const isAnswering = signal(true);
/** Counts answers 401, upon which the page asks for a name and a password. */
export const loginWanted = signal(0);

const TIME_OUT_MS = 20_000;
/** Relative, so that the page works below a folder too. */
const BASE = 'api/midge/v1/';

export function get<T>(path: string, parameters: Record<string, string | number | null | undefined> = {}): Promise<T> {
  const query = new URLSearchParams();
  for (const [key, value] of Object.entries(parameters)) {
    if (value !== null && value !== undefined && value !== '') query.set(key, String(value));
  }
  const text = query.toString();
  return request<T>('GET', text === '' ? path : `${path}?${text}`);
}

export function post<T>(path: string, body: unknown): Promise<T> {
  return request<T>('POST', path, JSON.stringify(body));
}

async function request<T>(method: string, path: string, body?: string): Promise<T> {
  const headers: Record<string, string> = { Accept: 'application/json' };
  if (body !== undefined) headers['Content-Type'] = 'application/json';
  const who = credentials.value;
  if (who) headers['Authorization'] = 'Basic ' + toBase64(new TextEncoder().encode(`${who.username}:${who.password}`));
  let response: Response;
  try {
    const signal = AbortSignal.timeout(TIME_OUT_MS);
    response = await fetch(BASE + path, { method, headers, body: body ?? null, signal, credentials: 'omit', cache: 'no-store' });
  } catch {
    isAnswering.value = false;
    throw new ApiError(0, 'unreachable', 'The server does not answer.');
  }
  isAnswering.value = true;
  if (!response.ok) throw await failure(response, path);
  return (response.status === 204 ? null : await response.json()) as T;
}

async function failure(response: Response, path: string): Promise<ApiError> {
  // A proxy in between may answer with something else than our JSON.
  const answer: unknown = await response.json().catch(() => null);
  const fields = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<string, unknown>;
  const error = typeof fields['error'] === 'string' ? fields['error'] : `http_${response.status}`;
  const message = typeof fields['message'] === 'string' ? fields['message'] : response.statusText || `HTTP ${response.status}`;
  const retryAfterS = typeof fields['retry_after_s'] === 'number' ? fields['retry_after_s'] : null;
  if (response.status === 401 && path !== 'session') loginWanted.value++;
  return new ApiError(response.status, error, message, retryAfterS);
}
