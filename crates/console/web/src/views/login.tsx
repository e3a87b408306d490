/** Who are you? With the same name and password as a client of the server. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { t } from '../i18n';
import { askSession, login, logIn, session } from '../state/session';
import { Button, Check, Field } from '../ui/controls';
import { Logo } from '../ui/icons';
import { useTick } from '../ui/tick';
import { LanguageChoice, ThemeChoice } from './settings';

export function LoginPage() {
  const state = login.value;
  const [username, setUsername] = useState('');
  const [password, setPassword] = useState('');
  const [remember, setRemember] = useState(true);
  const [isBusy, setBusy] = useState(false);
  const field = useRef<HTMLInputElement>(null);
  useTick(1000);
  useEffect(() => field.current?.focus(), []);
  const failure = state.name === 'login' ? state.failure : null;
  // Somebody who may look without a name came here by himself.
  const mayStay = session.value?.can_see === true && session.value.username === null;
  const waitS = failure?.name === 'tooMany' ? Math.max(0, Math.ceil((failure.retryAtMs - Date.now()) / 1000)) : 0;
  const message =
    failure === null || (failure.name === 'tooMany' && waitS === 0)
      ? null
      : failure.name === 'wrong'
        ? t('login.wrong')
        : failure.name === 'tooMany'
          ? t('login.tooMany', { n: waitS })
          : failure.message || t('login.mayNotSee');
  return (
    <main class="login">
      <form
        class="card"
        onSubmit={async (event) => {
          event.preventDefault();
          setBusy(true);
          await logIn({ username, password }, remember);
          setBusy(false);
        }}
      >
        <Logo size={44} />
        <h1>Midge</h1>
        <p class="hint">{t('login.text')}</p>
        <Field label={t('login.username')}>
          {(attributes) => <input {...attributes} ref={field} name="username" autocomplete="username" autocapitalize="off" spellcheck={false} required value={username} onInput={(event) => setUsername(event.currentTarget.value)} />}
        </Field>
        <Field label={t('login.password')} fault={message}>
          {(attributes) => <input {...attributes} type="password" name="password" autocomplete="current-password" value={password} onInput={(event) => setPassword(event.currentTarget.value)} />}
        </Field>
        <Check checked={remember} onChange={setRemember}>
          {t('login.remember')}
        </Check>
        <Button look="primary" type="submit" disabled={isBusy || waitS > 0}>
          {isBusy ? t('login.busy') : t('login.logIn')}
        </Button>
        {mayStay && <Button onClick={() => (login.value = { name: 'in' })}>{t('common.cancel')}</Button>}
      </form>
      <div class="login-settings">
        <LanguageChoice />
        <ThemeChoice />
      </div>
    </main>
  );
}

export function UnreachablePage() {
  useEffect(() => {
    const timer = setInterval(() => void askSession(), 3000);
    return () => clearInterval(timer);
  }, []);
  return (
    <main class="login">
      <div class="card" role="status">
        <Logo size={44} />
        <h1>{t('lost.neverTitle')}</h1>
        <p class="hint">{t('lost.neverText', { host: location.host })}</p>
        <Button icon="again" onClick={() => void askSession()}>
          {t('common.tryAgain')}
        </Button>
      </div>
    </main>
  );
}
