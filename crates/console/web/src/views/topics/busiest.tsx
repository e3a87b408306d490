/** What is seen while no topic is chosen: the whole in numbers, and where most of it comes from. */

import { formatNumber, formatRate, t } from '../../i18n';
import { plain, preview } from '../../payload/text';
import { overall, rateHistory, tree } from '../../state/live';
import { hrefOf } from '../../state/route';
import { topBy } from '../../topics/top';
import { isServers, type TopicNode } from '../../topics/tree';
import { Sparkline } from '../../ui/sparkline';

const SHOWN = 12;

function busiest(below: TopicNode | null): TopicNode[] {
  const isBelow = (topic: string) => (below === null ? !isServers(topic) : topic.startsWith(below.topic + '/'));
  return topBy(tree.allTopics(), SHOWN, (node) => (node.isTopic && node.children === null && isBelow(node.topic) ? node.rate : 0));
}

/** Drawn with its parent, once a second. */
export function Busiest() {
  const { rate, messages } = overall.value;
  return (
    <div class="overview">
      <div class="figures">
        <Figure label={t('topics.perSecond')} value={formatRate(rate)} />
        <Figure label={t('topics.topics')} value={formatNumber(tree.topics)} />
        <Figure label={t('topics.sinceOpened')} value={formatNumber(messages)} />
      </div>
      <Sparkline values={rateHistory.value} label={t('topics.rateChart')} height={56} fromZero isWide />
      <BusiestBelow node={null} />
      <p class="hint">{t('topics.chooseHint')}</p>
    </div>
  );
}

export function Figure({ label, value }: { label: string; value: string }) {
  return (
    <div class="figure">
      <span class="figure-value num">{value}</span>
      <span class="figure-label">{label}</span>
    </div>
  );
}

export function BusiestBelow({ node }: { node: TopicNode | null }) {
  const nodes = busiest(node);
  if (nodes.length === 0) return null;
  const most = nodes[0]!.rate;
  return (
    <section>
      <h2>{t('topics.busiest')}</h2>
      <ol class="busiest">
        {nodes.map((one) => (
          <li key={one.topic}>
            <a href={hrefOf('topics', one.topic)}>
              <bdi dir="ltr" class="label">{plain(one.topic, 140)}</bdi>
              <bdi dir="ltr" class="value">{one.payload ? preview(one.payload, 60) : ''}</bdi>
              <span class="num">{formatRate(one.rate)}/s</span>
              <span class="meter" style={{ transform: `scaleX(${one.rate / most})` }} />
            </a>
          </li>
        ))}
      </ol>
    </section>
  );
}
