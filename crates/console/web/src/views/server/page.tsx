/** The server: how it does, what it listens on, what is in force, who may what. */

import type { Key } from '../../i18n';
import { t } from '../../i18n';
import { go, route } from '../../state/route';
import { Segmented } from '../../ui/controls';
import { Access } from './access';
import { ConfigurationPart } from './configuration';
import { Load } from './load';
import { Sinks } from './sinks';

const PARTS = ['load', 'config', 'sinks', 'access'] as const;
type Part = (typeof PARTS)[number];

export function ServerPage() {
  const part: Part = PARTS.find((one) => one === route.value.item) ?? 'load';
  return (
    <div class="page">
      <header class="page-head">
        <h1>{t('nav.server')}</h1>
        <Segmented
          label={t('server.part')}
          value={part}
          options={PARTS.map((value) => ({ value, text: t(`server.${value}` as Key) }))}
          onChange={(value) => go('server', value === 'load' ? '' : value)}
        />
      </header>
      {part === 'load' && <Load />}
      {part === 'config' && <ConfigurationPart />}
      {part === 'sinks' && <Sinks />}
      {part === 'access' && <Access />}
    </div>
  );
}
