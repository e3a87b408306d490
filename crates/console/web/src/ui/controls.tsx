/** The small parts that all pages are made of. */

import { signal } from '@preact/signals';
import type { ComponentChildren, JSX } from 'preact';
import { useEffect, useId, useRef, useState } from 'preact/hooks';
import { t } from '../i18n';
import { plain } from '../payload/text';
import { goToFound } from './found';
import { Icon, type IconName } from './icons';

type ButtonProps = Omit<JSX.IntrinsicElements['button'], 'icon'> & {
  look?: 'plain' | 'primary' | 'danger' | 'quiet';
  icon?: IconName;
  /** What it does, where it shows an icon alone. */
  label?: string;
};

export function Button({ look = 'plain', icon, label, children, ...rest }: ButtonProps) {
  const alone = children === undefined || children === null || children === false;
  return (
    <button
      type="button"
      class={`button ${look}${alone ? ' alone' : ''}`}
      aria-label={label}
      title={alone ? label : undefined}
      {...rest}
    >
      {icon && <Icon name={icon} size={16} />}
      {!alone && <span>{children}</span>}
    </button>
  );
}

/** One of a few, side by side. */
export function Segmented<T extends string | number>(props: {
  label: string;
  value: T;
  options: { value: T; text: string; disabled?: boolean }[];
  onChange: (value: T) => void;
}) {
  const name = useId();
  return (
    <fieldset class="segmented">
      <legend class="unseen">{props.label}</legend>
      {props.options.map((option) => (
        <label key={option.value} class={option.disabled ? 'disabled' : undefined}>
          <input
            type="radio"
            name={name}
            checked={option.value === props.value}
            disabled={option.disabled}
            onChange={() => props.onChange(option.value)}
          />
          <span>{option.text}</span>
        </label>
      ))}
    </fieldset>
  );
}

export function Check(props: { checked: boolean; onChange: (checked: boolean) => void; children: ComponentChildren; disabled?: boolean }) {
  return (
    <label class="check">
      <input type="checkbox" checked={props.checked} disabled={props.disabled} onChange={(event) => props.onChange(event.currentTarget.checked)} />
      <span>{props.children}</span>
    </label>
  );
}

/** A text field with its name above and what is wrong with it below. */
export function Field(props: {
  label: string;
  fault?: string | null;
  hint?: string;
  children: (attributes: { id: string; 'aria-invalid': boolean; 'aria-describedby': string }) => ComponentChildren;
}) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{props.label}</label>
      {props.children({ id, 'aria-invalid': Boolean(props.fault), 'aria-describedby': id + '-hint' })}
      <p id={id + '-hint'} class={props.fault ? 'fault' : 'hint'} role={props.fault ? 'alert' : undefined}>
        {props.fault ?? props.hint ?? ''}
      </p>
    </div>
  );
}

const DRAWN_MS = 60;

/** Tells after a short pause, so that a server is not asked for each letter. */
export function SearchField(props: {
  label: string;
  value: string;
  onChange: (value: string) => void;
  pauseMs?: number;
  placeholder?: string;
}) {
  const [text, setText] = useState(props.value);
  const told = useRef(props.value);
  const tell = () => {
    told.current = text;
    props.onChange(text);
  };
  useEffect(() => {
    if (props.value !== told.current) {
      told.current = props.value;
      setText(props.value);
    }
  }, [props.value]);
  useEffect(() => {
    if (text === told.current) return;
    const timer = setTimeout(tell, props.pauseMs ?? 250);
    return () => clearTimeout(timer);
  }, [text]);
  return (
    <div class="search">
      <Icon name="search" size={16} />
      <input
        type="search"
        aria-label={props.label}
        placeholder={props.placeholder ?? props.label}
        value={text}
        spellcheck={false}
        autocomplete="off"
        autocapitalize="off"
        data-search
        onInput={(event) => setText(event.currentTarget.value)}
        onKeyDown={(event) => {
          if (event.key === 'Escape' && text !== '') {
            event.stopPropagation();
            setText('');
          } else if (event.key === 'ArrowDown') {
            event.preventDefault();
            if (text === told.current) return void goToFound();
            // What is found is drawn first.
            tell();
            setTimeout(goToFound, DRAWN_MS);
          }
        }}
      />
      <kbd aria-hidden="true">/</kbd>
    </div>
  );
}

/** A string of a stranger: alone, isolated from the direction of what stands around it, nothing hidden. */
export function Name({ text, most = 200 }: { text: string; most?: number }) {
  return (
    <bdi class="name" dir="ltr" title={plain(text, 1000)}>
      {text === '' ? <i class="none">{t('common.emptyName')}</i> : plain(text, most)}
    </bdi>
  );
}

/** A sentence of the server, in which what stands between backquotes is code. */
export function Sentence({ text }: { text: string }) {
  const parts = plain(text, 800).split('`');
  return <>{parts.map((part, index) => (index % 2 === 1 && index < parts.length - 1 ? <code key={index}>{part}</code> : part))}</>;
}

/** A long word of a configuration, which may break behind its separators. */
export function Breakable({ text }: { text: string }) {
  const parts = text.split(/(?<=[/_,;=])(?=[^/])/);
  return <>{parts.flatMap((part, index) => (index === 0 ? [part] : [<wbr />, part]))}</>;
}

export function Badge({ tone = 'quiet', children }: { tone?: 'quiet' | 'good' | 'warn' | 'bad' | 'accent'; children: ComponentChildren }) {
  return <span class={`badge ${tone}`}>{children}</span>;
}

export function CopyButton({ text, label }: { text: string | (() => string); label?: string }) {
  const [isDone, setDone] = useState(false);
  return (
    <Button
      look="quiet"
      icon={isDone ? 'check' : 'copy'}
      label={isDone ? t('common.copied') : (label ?? t('common.copy'))}
      onClick={async () => {
        if (!(await copy(typeof text === 'string' ? text : text()))) return;
        setDone(true);
        setTimeout(() => setDone(false), 1500);
      }}
    />
  );
}

/** `navigator.clipboard` is only there over HTTPS and on localhost. */
async function copy(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const field = document.createElement('textarea');
    field.value = text;
    field.className = 'unseen';
    document.body.append(field);
    field.select();
    const isCopied = document.execCommand('copy');
    field.remove();
    return isCopied;
  }
}

/** A command to be copied to a terminal. */
export function Command({ text }: { text: string }) {
  return (
    <div class="command">
      <code>{text}</code>
      <CopyButton text={text} />
    </div>
  );
}

export function Empty({ icon, title, children }: { icon: IconName; title: string; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={icon} size={32} />
      <h2>{title}</h2>
      {children}
    </div>
  );
}

/** Where something will be: lines of its size, so that nothing jumps when it comes. */
export function Loading({ rows = 8 }: { rows?: number }) {
  return (
    <div class="loading" role="status">
      <span class="unseen">{t('common.loading')}</span>
      {Array.from({ length: rows }, (_, index) => (
        <div key={index} class={`bar w${(index * 5) % 4}`} />
      ))}
    </div>
  );
}

export function Failure({ message, onRetry }: { message: string; onRetry?: () => void }) {
  return (
    <div class="failure" role="alert">
      <Icon name="problems" />
      <p>{message}</p>
      {onRetry && (
        <Button icon="again" onClick={onRetry}>
          {t('common.tryAgain')}
        </Button>
      )}
    </div>
  );
}

/** A question that must be answered before anything else. Escape answers no. */
export function Dialog(props: { title: string; onClose: () => void; children: ComponentChildren; wide?: boolean }) {
  const element = useRef<HTMLDialogElement>(null);
  const title = useId();
  useEffect(() => {
    const dialog = element.current!;
    const before = document.activeElement;
    dialog.showModal();
    // Whoever goes to another page has left the question.
    addEventListener('hashchange', props.onClose);
    return () => {
      removeEventListener('hashchange', props.onClose);
      dialog.close();
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={element}
      class={props.wide ? 'wide' : undefined}
      aria-labelledby={title}
      onCancel={(event) => {
        event.preventDefault();
        props.onClose();
      }}
      onMouseDown={(event) => {
        if (event.target === element.current) props.onClose();
      }}
    >
      <div class="dialog">
        <header>
          <h2 id={title}>{props.title}</h2>
          <Button look="quiet" icon="close" label={t('common.close')} onClick={props.onClose} />
        </header>
        {props.children}
      </div>
    </dialog>
  );
}

// ------------------------------------------------------------------------------------------------ notes

interface Note {
  id: number;
  tone: 'good' | 'bad';
  text: string;
}

const notes = signal<Note[]>([]);
let noteNumber = 0;

/** Says for a few seconds what became of something. */
export function tell(text: string, tone: Note['tone'] = 'good') {
  const id = ++noteNumber;
  notes.value = [...notes.value.slice(-3), { id, tone, text }];
  setTimeout(() => (notes.value = notes.value.filter((note) => note.id !== id)), tone === 'bad' ? 9000 : 4000);
}

export function Notes() {
  return (
    <div class="notes" role="status" aria-live="polite">
      {notes.value.map((note) => (
        <div key={note.id} class={`note ${note.tone}`}>
          <Icon name={note.tone === 'good' ? 'check' : 'problems'} size={16} />
          <span>{plain(note.text, 600)}</span>
          <Button look="quiet" icon="close" label={t('common.close')} onClick={() => (notes.value = notes.value.filter((one) => one !== note))} />
        </div>
      ))}
    </div>
  );
}
