import { render } from 'preact';
import '@preact/signals';
import 'uplot/dist/uPlot.min.css';
import './styles/base.css';
import './styles/controls.css';
import './styles/frame.css';
import './styles/topics.css';
import './styles/pages.css';
import { App } from './app';
import { startDrawn } from './state/drawn';
import { startLive } from './state/live';
import { startPreferences } from './state/preferences';
import { startSession } from './state/session';

await startPreferences();
await startSession();
startLive();
startDrawn();
render(<App />, document.getElementById('app')!);
