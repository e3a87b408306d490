/** Language, colours, keys, and who is logged in. */

import { LANGUAGES, language, t, type Key, type Language } from '../i18n';
import { chooseLanguage, theme, type Theme } from '../state/preferences';
import { login, logOut, session } from '../state/session';
import { Button, Dialog, Name, Segmented } from '../ui/controls';

export function LanguageChoice() {
  return (
    <label class="language">
      <span class="unseen">{t('settings.language')}</span>
      <select value={language.value} onChange={(event) => chooseLanguage(event.currentTarget.value as Language)}>
        {Object.entries(LANGUAGES).map(([value, name]) => (
          <option key={value} value={value} lang={value}>
            {name}
          </option>
        ))}
      </select>
    </label>
  );
}

export function ThemeChoice() {
  const themes: Theme[] = ['auto', 'light', 'dark'];
  return (
    <Segmented
      label={t('settings.theme')}
      value={theme.value}
      options={themes.map((value) => ({ value, text: t(`settings.${value}`) }))}
      onChange={(value) => (theme.value = value)}
    />
  );
}

const KEYS: [string, Key][] = [
  ['/', 'keys.search'],
  ['1 – 7', 'keys.pages'],
  ['↓ / ↑', 'keys.found'],
  ['↑ ↓ ← →', 'keys.tree'],
  ['Enter', 'keys.open'],
  ['Esc', 'keys.back'],
  ['+ − ← → Space', 'keys.chart'],
  ['Ctrl Enter', 'keys.publish'],
  ['?', 'keys.help'],
];

export function SettingsDialog({ onClose }: { onClose: () => void }) {
  const who = session.value;
  return (
    <Dialog title={t('settings.title')} onClose={onClose}>
      <dl class="settings">
        <div>
          <dt>{t('settings.language')}</dt>
          <dd>
            <LanguageChoice />
          </dd>
        </div>
        <div>
          <dt>{t('settings.theme')}</dt>
          <dd>
            <ThemeChoice />
          </dd>
        </div>
        <div>
          <dt>{t('settings.user')}</dt>
          <dd>
            {who?.username === null || who === null ? t('clients.anonymous') : <Name text={who.username} />}
            {!who?.can_change && <span class="hint"> {t('settings.readOnly')}</span>}
            {who?.username !== null ? (
              <Button
                onClick={() => {
                  onClose();
                  void logOut();
                }}
              >
                {t('settings.logOut')}
              </Button>
            ) : (
              <Button
                onClick={() => {
                  onClose();
                  login.value = { name: 'login', failure: null };
                }}
              >
                {t('login.logIn')}
              </Button>
            )}
          </dd>
        </div>
      </dl>
      <h3>{t('settings.keys')}</h3>
      <dl class="keys">
        {KEYS.map(([keys, what]) => (
          <div key={keys}>
            <dt>
              <kbd>{keys}</kbd>
            </dt>
            <dd>{t(what)}</dd>
          </div>
        ))}
      </dl>
      <p class="hint num">Midge {who?.version}</p>
    </Dialog>
  );
}
