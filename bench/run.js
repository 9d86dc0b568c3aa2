// Sluice beside nginx on the same machine, in turns: bench/run.sh --help.
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { availableParallelism, release } from 'node:os';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { Lab } from './lib/lab.js';
import { median, show } from './lib/numbers.js';
import { replaceBetweenMarks, spread, table } from './lib/report.js';
import {
  aborts, calls, coldStart, firstToken, machine, modelsOf, streams, toAnthropic, toOpenAi,
} from './lib/workloads.js';

const root = resolve(new URL('..', import.meta.url).pathname);
const usage = `Measures Sluice beside nginx on one machine, in turns, one worker thread each.

  bench/run.sh [options]

  --passes N         of every workload, at least 5 for figures to keep (default 5)
  --only LIST        of streams, to-anthropic, to-openai, calls, first-token, aborts, start
                     (default: all)
  --streams N        live streams (default 1000)
  --realtime         schedules all that takes part, alike, before everything else on the machine
                     (SCHED_RR; needs root): delays are then not those of somebody's compiler
  --quick            two short passes: shows that everything works, and no more
  --bin FILE         the binary to measure (default bin/sluice)
  --nginx FILE       (default /usr/sbin/nginx)
  --out FILE         Markdown report (default bench/results.md; none with --quick or --only)
  --update-readme    puts the table between the bench marks of README.md and README.zh-CN.md
`;

const { values: args } = parseArgs({
  options: {
    passes: { type: 'string', default: '5' },
    only: { type: 'string' },
    streams: { type: 'string', default: '1000' },
    realtime: { type: 'boolean', default: false },
    quick: { type: 'boolean', default: false },
    bin: { type: 'string', default: join(root, 'bin/sluice') },
    nginx: { type: 'string', default: '/usr/sbin/nginx' },
    out: { type: 'string' },
    'update-readme': { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (args.help) {
  process.stdout.write(usage);
  process.exit(0);
}
for (const file of [args.bin, args.nginx]) {
  if (existsSync(file)) continue;
  process.stderr.write(`bench: ${file} is not there\n`);
  process.exit(2);
}

const passes = args.quick ? 2 : Number(args.passes);
const all = [streams, toAnthropic, toOpenAi, calls, firstToken, aborts];
const wanted = args.only?.split(',') ?? [...all.map(({ name }) => name), 'start'];
const workloads = all.filter(({ name }) => wanted.includes(name));
const options = {
  streams: Number(args.streams),
  interval: 50,
  seconds: args.quick ? 1 : 5,
  callSeconds: args.quick ? 1 : 4,
  rate: 200,
  rateSeconds: args.quick ? 1 : 5,
  abortRate: 200,
  aborts: args.quick ? 100 : 1000,
};

const lab = new Lab(resolve(args.bin), args.nginx, modelsOf(options));

async function startTarget(name, mock) {
  if (name === 'nginx') return { name, ...(await lab.startNginx(mock.port)) };
  if (name === 'sluice') return { name, ...(await lab.startSluice(mock.port)) };
  return { name, url: mock.url };
}

async function measure() {
  const results = {};
  const mock = await lab.startMock();
  for (let pass = 0; pass < passes; ++pass) {
    for (const workload of workloads) {
      // Every other pass in the opposite order, so that a drift of the machine hits both alike.
      const names = ['direct', 'nginx', 'sluice'];
      if (pass % 2) names.reverse();
      for (const name of names) {
        // A process of its own for every run: none profits from what another left behind.
        const target = await startTarget(name, mock);
        const figures = await workload.run({ lab, target, mock, options });
        await target.child?.stop();
        ((results[workload.name] ??= {})[name] ??= []).push(figures);
        const text = Object.entries(figures).filter(([, value]) => value !== undefined)
          .map(([key, value]) => `${key} ${show(value)}`).join(', ');
        process.stdout.write(`pass ${pass + 1}/${passes}  ${workload.name.padEnd(14)}${name.padEnd(8)}${text}\n`);
      }
    }
  }
  if (wanted.includes('start')) {
    results.start = [];
    for (let i = 0; i < 20; ++i) results.start.push(await coldStart(lab, mock));
    process.stdout.write(`cold start  ${show(median(results.start))} ms, median of 20\n`);
  }
  return results;
}

function versionOf(file, flag) {
  // nginx tells its version on standard error.
  return execFileSync('/bin/sh', ['-c', `"$0" ${flag} 2>&1 | head -n 1`, file], { encoding: 'utf8' }).trim();
}

function facts() {
  const { cpu, memory } = machine();
  return `${new Date().toISOString().slice(0, 10)}, ${availableParallelism()} cores (${cpu}), ` +
    `${(memory / 2 ** 30).toFixed(1)} GiB, Linux ${release()}; ${versionOf(args.bin, 'version')}; ` +
    `${versionOf(args.nginx, '-v').replace('nginx version: ', '')}; ` +
    `${args.realtime ? 'real-time scheduling; ' : ''}median of ${passes} passes.`;
}

function document(results) {
  return `# Sluice beside nginx

Made by \`make bench\`: ${facts()}

Scripted upstream, load generator and the measured process share the machine; each has one thread.
nginx has \`proxy_buffering off\` and kept upstream connections; it relays bytes and looks at none.
Sluice checks keys and limits, counts every token and takes it from a quota and a wallet before it is
relayed, settles every request in its SQLite ledger, counts metrics and logs every request. Both are
started anew for every run, and take turns.

- **Streams**: ${options.streams} live streams of ${1000 / options.interval} events a second. CPU is
  what the process used while the events arrived that it is divided by; memory is private and
  written pages with all streams live, less those before. Relay delay is from the upstream's clock in
  the event to the client; "direct" is without anything in between.
- **Converted streams**: the same, where client and upstream speak different dialects. nginx cannot
  convert; it relays the same upstream's stream to a client that speaks its dialect.
- **Calls**: not streamed, 32 connections, closed loop.
- **First token**: ${options.rate} new streams a second at random times (open loop).
- **Aborts**: clients reset their connection at a random one of the first ten events of a stream, or
  50 ms into a call whose answer takes 5 s.

${table(results)}

The smallest and the largest value of all passes:

${spread(results)}
`;
}

let failed = false;
try {
  const results = await measure();
  process.stdout.write(`\n${table(results)}\n\n${facts()}\n`);
  const out = args.out ?? (args.quick || args.only ? undefined : join(root, 'bench/results.md'));
  if (out) writeFileSync(out, document(results));
  if (args['update-readme']) {
    for (const name of ['README.md', 'README.zh-CN.md']) {
      if (!replaceBetweenMarks(join(root, name), `${table(results)}\n\n${facts()}`)) {
        process.stderr.write(`bench: ${name} has no bench marks\n`);
      }
    }
  }
} catch (error) {
  process.stderr.write(`bench: ${error.message}\n`);
  failed = true;
} finally {
  await lab.close();
}
process.exit(failed ? 1 : 0);
