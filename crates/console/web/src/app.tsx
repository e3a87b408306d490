/** The frame around all pages: where one can go, whether the server is there, and who is looking. */

import type { JSX } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { isAnswering } from './api/client';
import { formatNumber, formatRate, t } from './i18n';
import { plain } from './payload/text';
import { link, overall, rateHistory, reconnect } from './state/live';
import { go, hrefOf, query, route } from './state/route';
import { login, session } from './state/session';
import { PAGES, type Page } from './state/url';
import { Button, Name, Notes } from './ui/controls';
import { Icon, Logo } from './ui/icons';
import { Sparkline } from './ui/sparkline';
import { useTick } from './ui/tick';
import { ChartsPage } from './views/charts';
import { ClientsPage } from './views/clients';
import { LoginPage, UnreachablePage } from './views/login';
import { ProblemsPage } from './views/problems';
import { PublishPage } from './views/publish';
import { RetainedPage } from './views/retained';
import { ServerPage } from './views/server/page';
import { SettingsDialog } from './views/settings';
import { TopicsPage } from './views/topics/page';

const VIEWS: Record<Page, () => JSX.Element> = {
  topics: TopicsPage,
  charts: ChartsPage,
  publish: PublishPage,
  retained: RetainedPage,
  clients: ClientsPage,
  problems: ProblemsPage,
  server: ServerPage,
};

export function App() {
  switch (login.value.name) {
    case 'starting':
      return <main class="starting" aria-busy="true" aria-label="Midge" />;
    case 'unreachable':
      return <UnreachablePage />;
    case 'login':
      return <LoginPage />;
    case 'in':
      return <Console />;
  }
}

/** Keys that hold wherever nothing is being written. */
function useKeys(openSettings: () => void) {
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      const target = event.target as HTMLElement;
      const isWriting = target.matches('input:not([type=checkbox], [type=radio]), textarea, select') || document.querySelector('dialog[open]') !== null;
      if (isWriting || event.ctrlKey || event.metaKey || event.altKey) return;
      const page = PAGES[Number(event.key) - 1];
      if (event.key === '/') document.querySelector<HTMLElement>('[data-search]')?.focus();
      else if (event.key === '?') openSettings();
      else if (event.key === 'Escape' && route.value.page === 'topics' && route.value.item !== '') go('topics', '', query('q') ? [['q', query('q')!]] : []);
      else if (page) go(page);
      else return;
      event.preventDefault();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
}

function Console() {
  const [hasSettings, setSettings] = useState(false);
  useKeys(() => setSettings(true));
  const { page, item } = route.value;
  const View = VIEWS[page];
  useEffect(() => {
    document.title = `${t(`nav.${page}`)} · Midge`;
  }, [page, item, t('nav.topics')]);
  return (
    <div class="app">
      <a class="skip" href="#main" onClick={(event) => {
        event.preventDefault();
        document.getElementById('main')?.focus();
      }}>
        {t('nav.skip')}
      </a>
      <nav class="rail" aria-label={t('nav.label')}>
        <a class="brand" href={hrefOf('topics')} aria-label="Midge">
          <Logo />
          <span>Midge</span>
        </a>
        <ul>
          {PAGES.map((name, index) => (
            <li key={name}>
              <a href={hrefOf(name)} aria-current={page === name ? 'page' : undefined} title={`${t(`nav.${name}`)} (${index + 1})`}>
                <Icon name={name} size={20} />
                <span>{t(`nav.${name}`)}</span>
              </a>
            </li>
          ))}
        </ul>
        <RailFoot onSettings={() => setSettings(true)} />
      </nav>
      <div class="body">
        <main id="main" tabIndex={-1}>
          <View />
        </main>
        <StatusLine />
      </div>
      <Notes />
      {hasSettings && <SettingsDialog onClose={() => setSettings(false)} />}
    </div>
  );
}

function RailFoot({ onSettings }: { onSettings: () => void }) {
  return (
    <div class="rail-foot">
      <div class="pulse">
        <Sparkline values={rateHistory.value} label={t('topics.rateChart')} height={26} width={160} fromZero />
        <span class="num">{t('topics.rate', { rate: formatRate(overall.value.rate) })}</span>
      </div>
      <button type="button" class="who" onClick={onSettings} aria-label={t('settings.title')} title={t('settings.title')}>
        <Icon name="settings" size={18} />
        <span class="who-name">{session.value?.username ? <Name text={session.value.username} most={40} /> : t('settings.title')}</span>
      </button>
    </div>
  );
}

/** Whether the connection has been lost for so long that it is worth saying. */
function useIsLost(): boolean {
  const { name } = link.value;
  const isLost = name === 'lost' || !isAnswering.value;
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    if (!isLost && name === 'connected') setLong(false);
    if (!isLost) return;
    const timer = setTimeout(() => setLong(true), 700);
    return () => clearTimeout(timer);
  }, [isLost, name]);
  return isLong;
}

/** The last line, which is always there: how the connection is. What has to be said when it is lost has its place, covers nothing and moves nothing. */
function StatusLine() {
  const isLost = useIsLost();
  const isRefused = link.value.name === 'refused';
  const isWrong = isLost || isRefused;
  useTick(500);
  const isOn = link.value.name === 'connected' && isAnswering.value;
  return (
    <footer class={`status${isWrong ? ' lost' : ''}`}>
      <span class={`dot ${isOn ? 'on' : 'off'}`} />
      {isWrong ? (
        <p key="wrong" role="alert">
          {isRefused ? <RefusedText /> : <LostText />}
        </p>
      ) : (
        <p key="well" role="status">
          {isOn ? t('link.connected') : t('link.connecting')}
        </p>
      )}
      {isWrong ? (
        <Button icon="again" onClick={reconnect}>
          {isRefused ? t('common.tryAgain') : t('lost.now')}
        </Button>
      ) : (
        <span class="num rate">{t('topics.rate', { rate: formatRate(overall.value.rate) })}</span>
      )}
    </footer>
  );
}

function RefusedText() {
  const state = link.value;
  if (state.name !== 'refused') return null;
  return <>{t('lost.refused', { code: '0x' + state.reasonCode.toString(16) })} {state.reasonString && plain(state.reasonString, 300)}</>;
}

/** That what is seen is not of now, and when it is tried again. */
function LostText() {
  const state = link.value;
  const seconds = state.name === 'lost' ? Math.max(0, Math.ceil((state.retryAtMs - Date.now()) / 1000)) : 0;
  return (
    <>
      {t('link.lost')}. <span class="more">{t('lost.stale')}</span>{' '}
      <span class="num" aria-hidden="true">{seconds > 0 ? t('lost.again', { s: formatNumber(seconds) }) : t('link.connecting')}</span>
    </>
  );
}
