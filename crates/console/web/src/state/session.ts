/** Who is looking, and what he may do. */

import { computed, signal } from '@preact/signals';
import { ApiError, credentials, get, loginWanted, type Credentials } from '../api/client';
import type { Session } from '../api/types';
import { store, stored } from './preferences';

export type LoginState =
  | { name: 'starting' }
  /** The server has not answered since the page was opened. */
  | { name: 'unreachable' }
  | { name: 'login'; failure: LoginFailure | null }
  | { name: 'in' };

export type LoginFailure =
  | { name: 'wrong' }
  | { name: 'tooMany'; retryAtMs: number }
  | { name: 'other'; message: string };

export const session = signal<Session | null>(null);
export const login = signal<LoginState>({ name: 'starting' });
export const canChange = computed(() => session.value?.can_change ?? false);

const tab = () => sessionStorage;

/** Asks the server who we are; with what the tab remembers, if it does. */
export async function startSession() {
  const remembered = stored('login', tab);
  if (remembered !== null) {
    try {
      credentials.value = JSON.parse(remembered) as Credentials;
    } catch {
      store('login', null, tab);
    }
  }
  loginWanted.subscribe((count) => {
    if (count > 0 && login.value.name === 'in') login.value = { name: 'login', failure: null };
  });
  await askSession();
}

export async function askSession() {
  try {
    const answer = await get<Session>('session');
    session.value = answer;
    login.value = answer.can_see ? { name: 'in' } : { name: 'login', failure: null };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) forget(null);
    else if (error.status === 429) login.value = { name: 'login', failure: tooMany(error) };
    else login.value = { name: 'unreachable' };
  }
}

export async function logIn(who: Credentials, remember: boolean) {
  credentials.value = who;
  try {
    const answer = await get<Session>('session');
    if (!answer.can_see || answer.username === null) {
      forget(answer.username === null ? { name: 'wrong' } : { name: 'other', message: '' });
      return;
    }
    store('login', remember ? JSON.stringify(who) : null, tab);
    session.value = answer;
    login.value = { name: 'in' };
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) forget({ name: 'wrong' });
    else if (error.status === 429) forget(tooMany(error));
    else forget({ name: 'other', message: error.message });
  }
}

export async function logOut() {
  forget(null);
  await askSession();
}

function forget(failure: LoginFailure | null) {
  credentials.value = null;
  store('login', null, tab);
  login.value = { name: 'login', failure };
}

const tooMany = (error: ApiError): LoginFailure => ({
  name: 'tooMany',
  retryAtMs: Date.now() + (error.retryAfterS ?? 30) * 1000,
});
