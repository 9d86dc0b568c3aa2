// What the long runs have in common: a gateway between a scripted upstream and the load
// generator, looked at while it runs.
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { Lab } from '../../bench/lib/lab.js';
import { openDescriptors, privateDirty } from '../../bench/lib/process.js';

export const seconds = Number(process.env.SOAK_SECONDS ?? 600);
export const MiB = 2 ** 20;
/** Upstream connections that a gateway may keep: they are not a leak. */
export const kIdle = 8;
/** Longer than the runs take: ends them when something hangs. */
export const limit = (seconds + 180) * 1000;

export async function withLab(run) {
  const lab = new Lab(process.env.SLUICE_BIN ?? new URL('../../bin/sluice', import.meta.url).pathname);
  try {
    await run(lab);
  } finally {
    await lab.close();
  }
}

export const look = ({ pid }) => ({ memory: privateDirty(pid), descriptors: openDescriptors(pid) });

export const show = ({ memory, descriptors }) =>
  `${(memory / MiB).toFixed(1)} MiB, ${descriptors} descriptors`;

/** Sums the values of a metric whose labels hold all of `labels`. */
export async function metric(gateway, name, ...labels) {
  const text = await (await fetch(`${gateway.url}/metrics`)).text();
  return text.split('\n')
    .filter((line) => line.startsWith(name) && ' {'.includes(line[name.length]))
    .filter((line) => labels.every((label) => line.includes(label)))
    .reduce((sum, line) => sum + Number(line.slice(line.lastIndexOf(' ') + 1)), 0);
}

/** Waits until the gateway has as many descriptors as before, and those it may keep. */
export async function settled(gateway, before) {
  for (let tries = 0; tries < 100; ++tries) {
    if (look(gateway).descriptors <= before.descriptors + kIdle) break;
    await sleep(100);
  }
  return look(gateway);
}

export function expectAllOk(report, count) {
  assert.deepEqual(
    { ok: report.requests.ok, failed: report.requests.failed, failures: report.requests.failures },
    { ok: count, failed: 0, failures: Object.fromEntries(Object.keys(report.requests.failures).map((key) => [key, 0])) });
}

/**
 * `count` streams at once, each for as long as the run lasts, an event every two seconds. Calls
 * `each` with the seconds since all of them are up, a dozen times.
 */
export async function manyStreams(lab, url, count, each) {
  const interval = 2;
  const ramp = Math.ceil(count / 500);
  const events = Math.ceil((seconds + ramp) / interval) + 1;
  const bench = lab.bench([
    '--url', url, '--model', `mock-c${events}-i${interval * 1000}`, '--concurrency', count,
    '--requests', count, '--ramp', `${ramp}s`, '--timeout', `${seconds + 120}s`,
  ], { limit });
  let over = false;
  const ended = bench.finally(() => { over = true; });
  ended.catch(() => {});
  await sleep((ramp + 2) * 1000);
  const start = performance.now();
  for (let i = 0; i < 12 && !over; ++i) {
    await each((performance.now() - start) / 1000);
    await Promise.race([sleep((seconds - 4) * 1000 / 12), ended]);
  }
  return { report: await bench, events };
}
