// What is measured, and how. Each workload runs against one target and returns its figures.
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

import { quantile } from './numbers.js';
import { privateDirty } from './process.js';

function expectClean(report, what) {
  const { failed, unfinished, failures, statuses } = report.requests;
  if (failed === 0 && unfinished === 0) return;
  throw new Error(`${what}: ${failed} failed, ${unfinished} unfinished: ` +
    JSON.stringify({ ...failures, ...statuses }));
}

const cpuOf = (target) => (target.pid ? ['--cpu-of', target.pid] : []);

async function stats(mock) {
  const response = await fetch(`${mock.url}/mock/stats`);
  return response.json();
}

/** Connections and buffers exist, code is in memory: what a process costs before it has streams. */
async function warmUp(lab, target) {
  await lab.bench(['--url', target.url, '--concurrency', 100, '--requests', 3000, '--model', 'mock-c5-i1']);
  await sleep(200);
}

// All streams are up when the warm-up ends, and the first ends only after the measurement.
const kRamp = 1;
const kWarmup = 2;

function streamModel({ seconds, interval }) {
  return `mock-c${Math.ceil((kWarmup + seconds + 0.8) * 1000 / interval)}-i${interval}`;
}

/** Names that the gateway's rules send to that dialect, and that mean the same to the upstream. */
function convertedModel(upstream, options) {
  return streamModel(options).replace('mock-', upstream === 'anthropic' ? 'mock-b1-' : 'mock-f0-');
}

/** What the workloads ask for, so that it can have a price. */
export function modelsOf(options) {
  return [convertedModel('anthropic', options), convertedModel('openai', options),
    'mock-c5-i1', streamModel(options), 'mock-c20', 'mock-c5-i20', 'mock-c500-i20', 'mock-c5-f5000'];
}

async function measureStreams({ lab, target, mock, options }, model, dialect) {
  const { streams: count, seconds, interval } = options;
  const ramp = kRamp;
  const warmup = kWarmup;
  await warmUp(lab, target);
  const before = target.pid ? privateDirty(target.pid) : 0;
  const report = await lab.bench([
    '--url', target.url, '--model', model, '--dialect', dialect, '--delay-stamp',
    '--concurrency', count, '--requests', count, '--ramp', `${ramp}s`,
    '--warmup', `${warmup}s`, '--duration', `${seconds}s`, ...cpuOf(target),
  ], {
    after: (warmup + seconds + 0.2) * 1000,
    during: async () => ({
      memory: target.pid ? privateDirty(target.pid) : 0,
      active: (await stats(mock)).active,
    }),
  });
  expectClean(report, `streams through ${target.name}`);
  // The request for the statistics is one of the active ones, or not, as the upstream sees it.
  if (report.during.active < count) {
    throw new Error(`only ${report.during.active} of ${count} streams were live`);
  }
  const expected = count * seconds * 1000 / interval;
  if (report.events < 0.98 * expected) {
    throw new Error(`${report.events} events arrived in time, ${expected} were due: saturated`);
  }
  return {
    cpu_per_event: report.cpu[0]?.us_per_event,
    memory_per_stream: target.pid ? (report.during.memory - before) / count / 1024 : undefined,
    relay_p50: report.relay_us.p50,
    relay_p99: report.relay_us.p99,
    events_per_second: report.events_per_second,
  };
}

/** Live streams at a steady pace: CPU per event, memory per stream, relay delay. */
export const streams = {
  name: 'streams',
  run: (run) => measureStreams(run, streamModel(run.options), 'openai'),
};

/**
 * The same between dialects. A relay of bytes cannot convert: it is asked for the upstream's own
 * stream by a client that speaks its dialect.
 */
const converted = (name, client, upstream) => ({
  name,
  run: (run) => measureStreams(run, convertedModel(upstream, run.options),
    run.target.name === 'sluice' ? client : upstream),
});
export const toAnthropic = converted('to-anthropic', 'openai', 'anthropic');
export const toOpenAi = converted('to-openai', 'anthropic', 'openai');

/** Calls that are not streamed, as fast as they are answered. */
export const calls = {
  name: 'calls',
  async run({ lab, target, options }) {
    const report = await lab.bench([
      '--url', target.url, '--model', 'mock-c20', '--no-stream', '--concurrency', 32,
      '--warmup', '1s', '--duration', `${options.callSeconds}s`, ...cpuOf(target),
    ]);
    expectClean(report, `calls through ${target.name}`);
    return {
      cpu_per_request: report.cpu[0]?.us_per_request,
      call_p99: report.total_us.p99,
      calls_per_second: report.requests.per_second,
    };
  },
};

/** Streams that start at random times, well below saturation: what the first token waits. */
export const firstToken = {
  name: 'first-token',
  async run({ lab, target, options }) {
    const report = await lab.bench([
      '--url', target.url, '--model', 'mock-c5-i20', '--rate', options.rate,
      '--warmup', '1s', '--duration', `${options.rateSeconds}s`,
    ]);
    expectClean(report, `first tokens through ${target.name}`);
    return { ttft_p50: report.first_token_us.p50, ttft_p99: report.first_token_us.p99 };
  },
};

/**
 * From the client's reset to the moment at which the upstream sees its connection closed: in the
 * middle of streams, and of calls that still wait for their head.
 */
export const aborts = {
  name: 'aborts',
  async run({ lab, target, mock, options }) {
    const load = ['--url', target.url, '--abort', 1, '--rate', options.abortRate, '--requests', options.aborts];
    const measure = async (what) => {
      await fetch(`${mock.url}/mock/stats`, { method: 'DELETE' });
      const report = await lab.bench([...load, ...what]);
      expectClean(report, `aborts through ${target.name}`);
      let seen = [];
      for (let tries = 0; seen.length < report.resets_ns.length && tries < 100; ++tries) {
        await sleep(20);
        seen = (await stats(mock)).aborts;
      }
      return abortDelays(report.resets_ns, seen.map((abort) => abort.at_ns));
    };
    const streaming = await measure(['--model', 'mock-c500-i20', '--abort-within', 10]);
    const waiting = await measure(['--model', 'mock-c5-f5000', '--no-stream', '--abort-at', '50ms']);
    return {
      abort_p50: quantile(streaming, 0.5),
      abort_p99: quantile(streaming, 0.99),
      waiting_p50: quantile(waiting, 0.5),
      waiting_p99: quantile(waiting, 0.99),
    };
  },
};

/**
 * Microseconds from each reset to its abort. They carry no common name, but every reset becomes
 * exactly one abort, so in order of time the n-th belongs to the n-th; where two overtake each
 * other, their sum is still right.
 */
export function abortDelays(resets, seen) {
  if (resets.length !== seen.length) {
    throw new Error(`${resets.length} streams were reset, the upstream saw ${seen.length} aborts`);
  }
  const byTime = (a, b) => a - b;
  const sorted = [...seen].sort(byTime);
  return [...resets].sort(byTime).map((reset, index) => (sorted[index] - reset) / 1000);
}

/** From the start of the process to the line that says it accepts connections. */
export async function coldStart(lab, mock) {
  const started = performance.now();
  const gateway = await lab.startSluice(mock.port);
  const took = performance.now() - started;
  await gateway.child.stop();
  return took;
}

export function machine() {
  const cpu = /^model name\s*:\s*(.+)$/m.exec(readFileSync('/proc/cpuinfo', 'utf8'))?.[1];
  const memory = Number(/^MemTotal:\s+(\d+) kB/m.exec(readFileSync('/proc/meminfo', 'utf8'))[1]);
  return { cpu: cpu ?? 'unknown processor', memory: memory * 1024 };
}
