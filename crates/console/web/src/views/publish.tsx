/** Publishing a message, and those of late again. */

import { signal } from '@preact/signals';
import { useEffect, useMemo, useState } from 'preact/hooks';
import { formatNumber, formatTime, t } from '../i18n';
import type { Outgoing } from '../mqtt/codec';
import { JsonError, lineAndColumn, prettyJson, readJson } from '../payload/json';
import { fromBase64, fromHex, plain } from '../payload/text';
import { publish } from '../state/live';
import { store, stored } from '../state/preferences';
import { route } from '../state/route';
import { stringFault, topicFault, type FilterFault } from '../topics/filter';
import { Badge, Button, Check, Field, Segmented, tell } from '../ui/controls';

type Format = 'text' | 'json' | 'base64';

interface Draft {
  topic: string;
  payload: string;
  format: Format;
  qos: 0 | 1 | 2;
  retain: boolean;
  contentType: string;
  responseTopic: string;
  /** Correlation Data, which is binary. */
  correlation: string;
  correlationForm: 'text' | 'hex';
  expiry: string;
  properties: [string, string][];
}

const EMPTY: Draft = {
  topic: '',
  payload: '',
  format: 'text',
  qos: 0,
  retain: false,
  contentType: '',
  responseTopic: '',
  correlation: '',
  correlationForm: 'text',
  expiry: '',
  properties: [],
};

interface Recent {
  timeMs: number;
  draft: Draft;
}

const MOST_RECENT = 20;
const MOST_KEPT_PAYLOAD = 8192;

/** What is being written outlives a look at another page. */
const draft = signal<Draft>(EMPTY);
const recent = signal<Recent[]>(readRecent());

function readRecent(): Recent[] {
  try {
    const found = JSON.parse(stored('recent') ?? '[]') as Recent[];
    return found.map((one) => ({ timeMs: Number(one.timeMs), draft: { ...EMPTY, ...one.draft } })).slice(0, MOST_RECENT);
  } catch {
    return [];
  }
}

function remember(sent: Draft) {
  const key = JSON.stringify(sent);
  const others = recent.value.filter((one) => JSON.stringify(one.draft) !== key);
  recent.value = [{ timeMs: Date.now(), draft: sent }, ...others].slice(0, MOST_RECENT);
  store('recent', JSON.stringify(recent.value.filter((one) => one.draft.payload.length <= MOST_KEPT_PAYLOAD)));
}

/** Why the payload is not what its format says, or null. */
function payloadFault(format: Format, payload: string): string | null {
  if (format === 'json') {
    try {
      readJson(payload);
    } catch (error) {
      if (!(error instanceof JsonError)) throw error;
      return t('json.at', { ...lineAndColumn(payload, error.at), fault: t(`json.${error.fault}`) });
    }
  }
  if (format === 'base64') {
    const compact = payload.replace(/\s/g, '');
    if (compact.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(compact)) return t('publish.badBase64');
  }
  return null;
}

const faultText = (fault: FilterFault | null) => fault && t(`fault.${fault}`);

/** What is wrong with a text that may be left out: the server would end the connection. */
const textFault = (text: string) => (text === '' ? null : stringFault(text));

/** The bytes of the Correlation Data, or why there are none. */
function correlationOf(from: Draft): { bytes: Uint8Array } | { fault: string } {
  const bytes = from.correlationForm === 'hex' ? fromHex(from.correlation) : new TextEncoder().encode(from.correlation);
  if (bytes === null) return { fault: t('publish.badHex') };
  return bytes.length > 65_535 ? { fault: t('fault.tooLong') } : { bytes };
}

function messageOf(from: Draft): Outgoing {
  const correlation = correlationOf(from);
  return {
    topic: from.topic,
    payload: from.format === 'base64' ? fromBase64(from.payload.replace(/\s/g, '')) : new TextEncoder().encode(from.payload),
    qos: from.qos,
    retain: from.retain,
    contentType: from.contentType || (from.format === 'json' ? 'application/json' : undefined),
    responseTopic: from.responseTopic || undefined,
    correlationData: 'bytes' in correlation && correlation.bytes.length > 0 ? correlation.bytes : undefined,
    messageExpiryIntervalS: from.expiry === '' ? undefined : Number(from.expiry),
    userProperties: from.properties.filter(([name, value]) => name !== '' || value !== ''),
  };
}

async function send(sent: Draft) {
  const published = await publish(messageOf(sent));
  switch (published.name) {
    case 'sent':
    case 'taken':
      remember(sent);
      tell(t(published.name === 'sent' ? 'publish.sent' : published.hasSubscriber ? 'publish.done' : 'publish.nobody'));
      return;
    case 'refused': {
      const code = `0x${published.reasonCode.toString(16)}`;
      tell(published.reasonCode === NOT_AUTHORIZED ? t('publish.notAuthorized') : t('publish.refused', { reason: published.reasonString ?? code }), 'bad');
      return;
    }
    case 'tooLarge':
      tell(t('publish.tooLarge'), 'bad');
      return;
    case 'lost':
      tell(t('publish.lost'), 'bad');
  }
}

const NOT_AUTHORIZED = 0x87;

export function PublishPage() {
  useEffect(() => {
    const topic = route.value.item;
    if (topic !== '' && topic !== draft.value.topic) draft.value = { ...draft.value, topic };
  }, [route.value.item]);
  return (
    <div class="page two-columns">
      <section aria-labelledby="page-title">
        <header class="page-head">
          <h1 id="page-title">{t('nav.publish')}</h1>
        </header>
        <Form />
      </section>
      <RecentList />
    </div>
  );
}

function Form() {
  const now = draft.value;
  const set = (change: Partial<Draft>) => (draft.value = { ...draft.value, ...change });
  const [isTried, setTried] = useState(false);
  const [isSending, setSending] = useState(false);
  const wrongTopic = topicFault(now.topic);
  const wrongPayload = useMemo(() => payloadFault(now.format, now.payload), [now.format, now.payload]);
  const isWrongExpiry = now.expiry !== '' && !(Number.isInteger(Number(now.expiry)) && Number(now.expiry) >= 1 && Number(now.expiry) <= 0xffffffff);
  const correlation = correlationOf(now);
  const wrongCorrelation = 'fault' in correlation ? correlation.fault : null;
  const isBlank = now.format === 'json' && now.payload === '';
  const wrongResponse = now.responseTopic === '' ? null : topicFault(now.responseTopic);
  const wrongText = [now.contentType, ...now.properties.flat()].some(textFault);
  const isFine = !wrongTopic && !wrongPayload && !wrongCorrelation && !wrongResponse && !wrongText && !isWrongExpiry;
  const submit = async () => {
    setTried(true);
    if (!isFine || isSending) return;
    setSending(true);
    await send(now);
    setSending(false);
    setTried(false);
  };
  return (
    <form
      class="card form"
      onSubmit={(event) => {
        event.preventDefault();
        void submit();
      }}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) void submit();
      }}
    >
      <Field label={t('publish.topic')} fault={wrongTopic && (isTried || now.topic !== '') ? t(`fault.${wrongTopic}`) : null}>
        {(attributes) => (
          <input
            {...attributes}
            class="mono"
            value={now.topic}
            placeholder="greenhouse/north/temperature"
            spellcheck={false}
            autocomplete="off"
            autocapitalize="off"
            onInput={(event) => set({ topic: event.currentTarget.value })}
          />
        )}
      </Field>
      <div class="toolbar">
        <Segmented
          label={t('publish.format')}
          value={now.format}
          options={[
            { value: 'text', text: t('publish.text') },
            { value: 'json', text: 'JSON' },
            { value: 'base64', text: 'Base64' },
          ]}
          onChange={(format) => set({ format })}
        />
        <span class="grow" />
        {now.format === 'json' && (
          <Button look="quiet" disabled={wrongPayload !== null} onClick={() => set({ payload: prettyJson(readJson(now.payload)) })}>
            {t('publish.layOut')}
          </Button>
        )}
      </div>
      <Field
        label={t('publish.payload')}
        fault={wrongPayload && !(isBlank && !isTried) ? wrongPayload : null}
        hint={now.format === 'json' && !wrongPayload ? t('publish.validJson') : t('publish.sendHint')}
      >
        {(attributes) => (
          <textarea
            {...attributes}
            class="mono"
            rows={10}
            value={now.payload}
            spellcheck={false}
            onInput={(event) => set({ payload: event.currentTarget.value })}
          />
        )}
      </Field>
      <div class="toolbar">
        <Segmented
          label="QoS"
          value={now.qos}
          options={[0, 1, 2].map((value) => ({ value, text: `QoS ${value}` }))}
          onChange={(qos) => set({ qos: qos as Draft['qos'] })}
        />
        <Check checked={now.retain} onChange={(retain) => set({ retain })}>
          {t('publish.retain')}
        </Check>
        <span class="grow" />
        <Button look="primary" icon="publish" type="submit" disabled={isSending}>
          {t('nav.publish')}
        </Button>
      </div>
      <details>
        <summary>{t('publish.properties')}</summary>
        <PropertyFields {...{ now, set, wrongCorrelation, wrongResponse, isWrongExpiry }} />
      </details>
    </form>
  );
}

interface PropertyFaults {
  wrongCorrelation: string | null;
  wrongResponse: FilterFault | null;
  isWrongExpiry: boolean;
}

function PropertyFields(props: PropertyFaults & { now: Draft; set: (change: Partial<Draft>) => void }) {
  const { now, set, wrongCorrelation, wrongResponse, isWrongExpiry } = props;
  const wrongPair = faultText(now.properties.flat().map(textFault).find((fault) => fault !== null) ?? null);
  const change = (index: number, pair: [string, string] | null) =>
    set({ properties: now.properties.flatMap((one, at) => (at !== index ? [one] : pair ? [pair] : [])) });
  return (
    <div class="properties">
      <div class="field-row">
        <Field label={t('publish.contentType')} fault={faultText(textFault(now.contentType))}>
          {(attributes) => <input {...attributes} value={now.contentType} placeholder="application/json" onInput={(event) => set({ contentType: event.currentTarget.value })} />}
        </Field>
        <Field label={t('publish.responseTopic')} fault={faultText(wrongResponse)}>
          {(attributes) => <input {...attributes} class="mono" value={now.responseTopic} onInput={(event) => set({ responseTopic: event.currentTarget.value })} />}
        </Field>
        <Field label={t('publish.correlation')} fault={wrongCorrelation}>
          {(attributes) => (
            <div class="with-form">
              <input
                {...attributes}
                class="mono"
                value={now.correlation}
                spellcheck={false}
                autocomplete="off"
                autocapitalize="off"
                onInput={(event) => set({ correlation: event.currentTarget.value })}
              />
              <select
                aria-label={t('publish.correlationForm')}
                value={now.correlationForm}
                onChange={(event) => set({ correlationForm: event.currentTarget.value === 'hex' ? 'hex' : 'text' })}
              >
                <option value="text">{t('publish.text')}</option>
                <option value="hex">{t('topic.view.hex')}</option>
              </select>
            </div>
          )}
        </Field>
        <Field label={t('publish.expiryS')} fault={isWrongExpiry ? t('publish.badExpiry') : null}>
          {(attributes) => <input {...attributes} inputMode="numeric" value={now.expiry} onInput={(event) => set({ expiry: event.currentTarget.value.trim() })} />}
        </Field>
      </div>
      {now.properties.map(([name, value], index) => (
        <div class="pair" key={index}>
          <input aria-label={t('publish.propertyName')} placeholder={t('publish.propertyName')} value={name} onInput={(event) => change(index, [event.currentTarget.value, value])} />
          <input aria-label={t('publish.propertyValue')} placeholder={t('publish.propertyValue')} value={value} onInput={(event) => change(index, [name, event.currentTarget.value])} />
          <Button look="quiet" icon="close" label={t('publish.removeProperty')} onClick={() => change(index, null)} />
        </div>
      ))}
      {wrongPair && (
        <p class="fault" role="alert">
          {wrongPair}
        </p>
      )}
      <Button icon="plus" onClick={() => set({ properties: [...now.properties, ['', '']] })}>
        {t('publish.addProperty')}
      </Button>
    </div>
  );
}

function RecentList() {
  return (
    <section class="recent" aria-labelledby="recent-title">
      <header class="page-head">
        <h2 id="recent-title">{t('publish.recent')}</h2>
        {recent.value.length > 0 && (
          <Button
            look="quiet"
            icon="trash"
            onClick={() => {
              recent.value = [];
              store('recent', null);
            }}
          >
            {t('publish.forget')}
          </Button>
        )}
      </header>
      {recent.value.length === 0 ? (
        <p class="hint">{t('publish.noRecent')}</p>
      ) : (
        <ul class="recent-list">
          {recent.value.map((one) => (
            <li key={one.timeMs} class="card">
              <button type="button" class="recent-load" onClick={() => (draft.value = one.draft)} title={t('publish.load')}>
                <bdi dir="ltr" class="mono strong">{plain(one.draft.topic, 120)}</bdi>
                <bdi dir="ltr" class="mono value">{plain(one.draft.payload, 140)}</bdi>
                <span class="marks">
                  <span class="hint num">{formatTime(one.timeMs)}</span>
                  <Badge>QoS {formatNumber(one.draft.qos)}</Badge>
                  {one.draft.retain && <Badge tone="accent">{t('topics.retained')}</Badge>}
                </span>
              </button>
              <Button look="quiet" icon="again" label={t('publish.again')} onClick={() => void send(one.draft)} />
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}
