// The figures as a table: medians over the passes, and ratios pass by pass.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';

import { median, show } from './numbers.js';

// `goal` is compared with the ratio, or with the figure of Sluice where `of` says so.
const rows = [
  { workload: 'streams', title: 'CPU per relayed event', unit: 'us', key: 'cpu_per_event', goal: 1.0 },
  { workload: 'streams', title: 'user memory per live stream', unit: 'KiB', key: 'memory_per_stream', goal: 8, of: 'value' },
  { workload: 'streams', title: 'relay delay of an event, p50', unit: 'us', key: 'relay_p50', direct: true },
  { workload: 'streams', title: 'relay delay of an event, p99', unit: 'us', key: 'relay_p99', direct: true, goal: 1.2 },
  { workload: 'to-anthropic', title: 'CPU per converted event, OpenAI client, Anthropic upstream', unit: 'us', key: 'cpu_per_event', goal: 1.3 },
  { workload: 'to-anthropic', title: 'user memory per converted stream', unit: 'KiB', key: 'memory_per_stream', goal: 8, of: 'value' },
  { workload: 'to-openai', title: 'CPU per converted event, Anthropic client, OpenAI upstream', unit: 'us', key: 'cpu_per_event', goal: 1.3 },
  { workload: 'to-openai', title: 'user memory per converted stream', unit: 'KiB', key: 'memory_per_stream', goal: 8, of: 'value' },
  { workload: 'calls', title: 'CPU per call', unit: 'us', key: 'cpu_per_request', goal: 3.0 },
  { workload: 'calls', title: 'duration of a call, p99', unit: 'us', key: 'call_p99', direct: true },
  { workload: 'calls', title: 'calls per second', unit: '', key: 'calls_per_second', direct: true },
  { workload: 'first-token', title: 'first token, p50', unit: 'us', key: 'ttft_p50', direct: true },
  { workload: 'first-token', title: 'first token, p99', unit: 'us', key: 'ttft_p99', direct: true, goal: 1000, of: 'added' },
  { workload: 'aborts', title: 'client reset to upstream closed, p50', unit: 'us', key: 'abort_p50', direct: true },
  { workload: 'aborts', title: 'client reset to upstream closed, p99', unit: 'us', key: 'abort_p99', direct: true, goal: 1000, of: 'value' },
  { workload: 'aborts', title: 'the same while waiting for the head, p50', unit: 'us', key: 'waiting_p50', direct: true },
  { workload: 'aborts', title: 'the same while waiting for the head, p99', unit: 'us', key: 'waiting_p99', direct: true, goal: 1000, of: 'value' },
];

// results[workload][target] is a list of figures, one entry a pass.
function series(results, row, target) {
  return (results[row.workload]?.[target] ?? []).map((figures) => figures[row.key]);
}

function judge(row, { value, added, ratio }) {
  if (row.goal === undefined) return '';
  const measured = { value, added }[row.of] ?? ratio;
  const text = row.of ? `${row.goal} ${row.unit}${row.of === 'added' ? ' added' : ''}` : `${row.goal.toFixed(1)} x`;
  return `at most ${text}${measured <= row.goal ? ', met' : ', **missed**'}`;
}

export function table(results) {
  const lines = [
    '| | direct | nginx | Sluice | Sluice / nginx | goal |',
    '|---|---:|---:|---:|---:|---|',
  ];
  for (const row of rows) {
    const sluice = series(results, row, 'sluice');
    if (sluice.length === 0) continue;
    const nginx = series(results, row, 'nginx');
    const direct = row.direct ? series(results, row, 'direct') : [];
    const ratio = median(sluice.map((value, pass) => value / nginx[pass]));
    const added = median(sluice.map((value, pass) => value - direct[pass]));
    const cell = (values) => (values.length ? show(median(values)) : '');
    const unit = row.unit ? `, ${row.unit}` : '';
    lines.push(`| ${row.title}${unit} | ${cell(direct)} | ${cell(nginx)} | ${cell(sluice)} | ` +
      `${show(ratio)} | ${judge(row, { value: median(sluice), added, ratio })} |`);
  }
  if (results.start?.length) {
    const value = median(results.start);
    lines.push(`| cold start to \`Starting server\`, ms | | | ${show(value)} | | ` +
      `at most 100 ms${value <= 100 ? ', met' : ', **missed**'} |`);
  }
  return lines.join('\n');
}

/** Smallest and largest of every figure, so that the noise of the machine can be seen. */
export function spread(results) {
  const lines = ['| | nginx | Sluice |', '|---|---:|---:|'];
  const range = (values) =>
    (values.length ? `${show(Math.min(...values))} to ${show(Math.max(...values))}` : '');
  for (const row of rows) {
    const sluice = series(results, row, 'sluice');
    if (sluice.length === 0) continue;
    lines.push(`| ${row.title}${row.unit ? `, ${row.unit}` : ''} | ` +
      `${range(series(results, row, 'nginx'))} | ${range(sluice)} |`);
  }
  return lines.join('\n');
}

const begin = '<!-- bench:begin -->';
const end = '<!-- bench:end -->';

/** Replaces what stands between the marks. False when the file has none. */
export function replaceBetweenMarks(path, text) {
  if (!existsSync(path)) return false;
  const old = readFileSync(path, 'utf8');
  const from = old.indexOf(begin);
  const to = old.indexOf(end);
  if (from < 0 || to < from) return false;
  const changed = `${old.slice(0, from + begin.length)}\n${text}\n${old.slice(to)}`;
  if (changed !== old) writeFileSync(path, changed);
  return true;
}
