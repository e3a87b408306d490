/** Topic Names and Topic Filters: what is well-formed and what matches what (chapter 4.7 of the specification). */

const encoder = new TextEncoder();
const MOST_BYTES = 65_535;

/** Why a Topic Filter cannot be used; the word is a key of the tables of texts. */
export type FilterFault = 'empty' | 'tooLong' | 'nul' | 'hashNotLast' | 'wildcardInLevel' | 'wildcardInTopic';

export function filterFault(filter: string): FilterFault | null {
  const fault = stringFault(filter);
  if (fault) return fault;
  const levels = filter.split('/');
  for (const [index, level] of levels.entries()) {
    if (level.includes('#') && level === '#' && index !== levels.length - 1) return 'hashNotLast';
    if ((level.includes('#') || level.includes('+')) && level.length > 1) return 'wildcardInLevel';
  }
  return null;
}

export function topicFault(topic: string): FilterFault | null {
  return stringFault(topic) ?? (hasWildcard(topic) ? 'wildcardInTopic' : null);
}

/** Of any text in MQTT, 1.5.4. */
export function stringFault(text: string): FilterFault | null {
  if (text === '') return 'empty';
  if (text.includes('\0')) return 'nul';
  if (text.length * 3 > MOST_BYTES && encoder.encode(text).length > MOST_BYTES) return 'tooLong';
  return null;
}

export const hasWildcard = (text: string) => text.includes('+') || text.includes('#');

/** Whether a Topic Filter that is well-formed matches a Topic Name. */
export function filterMatches(filter: string, topic: string): boolean {
  // 4.7.2: a wildcard at the beginning does not match topics that begin with `$`.
  if (topic[0] === '$' && (filter[0] === '#' || filter[0] === '+')) return false;
  const levels = filter.split('/');
  const names = topic.split('/');
  for (const [index, level] of levels.entries()) {
    if (level === '#') return true;
    const name = names[index];
    if (name === undefined || (level !== '+' && level !== name)) return false;
  }
  return levels.length === names.length;
}

/**
 * What is typed into a search field, as a question about topics: a Topic Filter if it has a wildcard, else a part of the
 * topic in whatever case. A filter that is not finished (`a/+x`) is looked for as it stands.
 */
export function topicSearch(text: string): ((topic: string) => boolean) | null {
  const wanted = text.trim();
  if (wanted === '') return null;
  if (hasWildcard(wanted) && filterFault(wanted) === null) return (topic) => filterMatches(wanted, topic);
  const folded = wanted.toLowerCase();
  return (topic) => topic.toLowerCase().includes(folded);
}
