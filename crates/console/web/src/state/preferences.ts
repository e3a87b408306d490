/** What the user has chosen for this browser. Storage may be forbidden or full; then it holds until the page is closed. */

import { effect, signal } from '@preact/signals';
import { browserLanguage, LANGUAGES, useLanguage, type Language } from '../i18n';

export type Theme = 'auto' | 'light' | 'dark';

export function stored(key: string, storage: () => Storage = () => localStorage): string | null {
  try {
    return storage().getItem('midge.' + key);
  } catch {
    return null;
  }
}

export function store(key: string, value: string | null, storage: () => Storage = () => localStorage) {
  try {
    if (value === null) storage().removeItem('midge.' + key);
    else storage().setItem('midge.' + key, value);
  } catch {
    // Not kept.
  }
}

const storedTheme = stored('theme');
export const theme = signal<Theme>(storedTheme === 'light' || storedTheme === 'dark' ? storedTheme : 'auto');

const darkWanted = matchMedia('(prefers-color-scheme: dark)');
/** What `theme` comes to. */
export const isDark = signal(false);

function applyTheme() {
  isDark.value = theme.value === 'auto' ? darkWanted.matches : theme.value === 'dark';
  document.documentElement.dataset['theme'] = isDark.value ? 'dark' : 'light';
}

export function startPreferences(): Promise<void> {
  effect(applyTheme);
  darkWanted.addEventListener('change', applyTheme);
  effect(() => store('theme', theme.value === 'auto' ? null : theme.value));
  const chosen = stored('language');
  return useLanguage(chosen !== null && chosen in LANGUAGES ? (chosen as Language) : browserLanguage(navigator.languages));
}

export function chooseLanguage(chosen: Language) {
  store('language', chosen);
  void useLanguage(chosen);
}

/** Looked at for one thing only: whether there is the room for two panes. */
const wide = matchMedia('(min-width: 900px)');
export const isWide = signal(wide.matches);
wide.addEventListener('change', () => (isWide.value = wide.matches));

const coarse = matchMedia('(pointer: coarse)');
/** Rows of lists, in pixels: a finger needs more than a mouse. */
export const rowHeight = signal(coarse.matches ? 44 : 28);
coarse.addEventListener('change', () => (rowHeight.value = coarse.matches ? 44 : 28));
