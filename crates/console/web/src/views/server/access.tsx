/** Why somebody may or may not do something with a topic: the rule that decides. */

import { useState } from 'preact/hooks';
import { ApiError, get, post } from '../../api/client';
import type { Explanation, Listener } from '../../api/types';
import { saidSentences, t } from '../../i18n';
import { plain } from '../../payload/text';
import { filterFault, topicFault } from '../../topics/filter';
import { Badge, Button, Failure, Field, Loading, Segmented } from '../../ui/controls';
import { usePolled } from '../../ui/polling';

type Access = 'publish' | 'subscribe' | 'receive';

const LISTENERS_MS = 60_000;

/** Names of those at which MQTT is spoken: where there is more than one, rules may differ between them. */
function namesOf(listeners: Listener[]): string[] {
  const spoken = listeners.filter((one) => one.protocol === 'mqtt' || one.protocol === 'websockets');
  return [...new Set(spoken.map((one) => one.name))];
}

export function Access() {
  const listeners = usePolled(() => get<Listener[]>('listeners'), 'listeners', LISTENERS_MS);
  // Whether there is a choice is known before the form is drawn, so that nothing moves.
  if (listeners.data === null && listeners.error === null) return <Loading rows={8} />;
  return <Form listeners={namesOf(listeners.data ?? [])} />;
}

function Form({ listeners }: { listeners: string[] }) {
  const [listener, setListener] = useState('');
  const [username, setUsername] = useState('');
  const [clientId, setClientId] = useState('');
  const [topic, setTopic] = useState('');
  const [access, setAccess] = useState<Access>('publish');
  const [answer, setAnswer] = useState<Explanation | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [isTried, setTried] = useState(false);
  const fault = access === 'subscribe' ? filterFault(topic) : topicFault(topic);
  const ask = async () => {
    setTried(true);
    if (fault) return;
    try {
      setAnswer(await post<Explanation>('explain', { username, client_id: clientId, topic, access, ...(listener === '' ? {} : { listener }) }));
      setFailure(null);
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setAnswer(null);
      setFailure(error.message);
    }
  };
  return (
    <div class="narrow">
      <p class="hint">{t('access.text')}</p>
      <form
        class="card form"
        onSubmit={(event) => {
          event.preventDefault();
          void ask();
        }}
      >
        <div class="field-row">
          <Field label={t('clients.user')} hint={t('access.userHint')}>
            {(attributes) => <input {...attributes} value={username} autocomplete="off" autocapitalize="off" onInput={(event) => setUsername(event.currentTarget.value)} />}
          </Field>
          <Field label={t('clients.id')}>
            {(attributes) => <input {...attributes} value={clientId} autocomplete="off" autocapitalize="off" onInput={(event) => setClientId(event.currentTarget.value)} />}
          </Field>
          {listeners.length > 1 && (
            <Field label={t('clients.listener')}>
              {(attributes) => (
                <select {...attributes} value={listener} onChange={(event) => setListener(event.currentTarget.value)}>
                  <option value="">{t('access.anyListener')}</option>
                  {listeners.map((one) => (
                    <option key={one} value={one}>
                      {plain(one, 120)}
                    </option>
                  ))}
                </select>
              )}
            </Field>
          )}
        </div>
        <Segmented
          label={t('access.what')}
          value={access}
          options={(['publish', 'subscribe', 'receive'] as const).map((value) => ({ value, text: t(`access.${value}`) }))}
          onChange={setAccess}
        />
        <Field label={access === 'subscribe' ? t('access.filter') : t('publish.topic')} fault={fault && isTried ? t(`fault.${fault}`) : null}>
          {(attributes) => <input {...attributes} class="mono" value={topic} placeholder="greenhouse/north/temperature" autocomplete="off" autocapitalize="off" spellcheck={false} onInput={(event) => setTopic(event.currentTarget.value)} />}
        </Field>
        <div class="toolbar">
          <Button look="primary" type="submit">
            {t('access.ask')}
          </Button>
        </div>
      </form>
      <div aria-live="polite">
        {failure && <Failure message={failure} />}
        {answer && (
          <section class={`card verdict ${answer.allowed ? 'yes' : 'no'}`}>
            <Badge tone={answer.allowed ? 'good' : 'bad'}>{answer.allowed ? t('access.allowed') : t('access.denied')}</Badge>
            <p>{plain(saidSentences(answer.why), 600)}</p>
            {listeners.length > 1 && <p class="hint">{t('access.judgedAt', { name: plain(answer.listener, 120) })}</p>}
            {answer.rule && (
              <pre class="rule" tabIndex={0}>
                <span class="hint">{`${plain(answer.rule.file, 300)}:${answer.rule.line}`}</span>
                {'\n'}
                {plain(answer.rule.text, 600)}
              </pre>
            )}
          </section>
        )}
      </div>
    </div>
  );
}
