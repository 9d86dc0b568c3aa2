// Pages and summaries of a gateway whose database holds a million requests: bench/books.js --help.
import { execFileSync, spawn } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { availableParallelism, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';

import { ask, digestOf, fill, kHeavy } from './lib/books_data.js';
import { otherPages, summaries, usagePages } from './lib/books_pages.js';
import { DatabaseServer } from './lib/database_servers.js';
import { freePort, Lab } from './lib/lab.js';
import { quantile, show } from './lib/numbers.js';

const root = resolve(new URL('..', import.meta.url).pathname);
const usage = `Measures what administrators and users wait for where a database is large.

  node bench/books.js [options]

  --databases LIST   of sqlite, postgresql, mysql (default sqlite,postgresql)
  --rows N           requests in the database (default 1000000)
  --users N          (default 10000)
  --keys N           (default 100000)
  --repeat N         each page is asked for so often, after once without being measured (default 5)
  --rate N           requests a second that are settled meanwhile, in a second round (default 500)
  --only PATTERN     pages whose group and name ("group: name") have this regular expression in them
  --steps LIST       of pages, load, verify, purge, keys (default: all)
  --folder DIR       where the databases are kept for another run (default: a temporary one)
  --bin FILE         the binary to measure (default bin/sluice)
  --out FILE         Markdown report; --json FILE every page, with a digest of its answer
`;

const { values: args } = parseArgs({
  options: {
    databases: { type: 'string', default: 'sqlite,postgresql' },
    rows: { type: 'string', default: '1000000' },
    users: { type: 'string', default: '10000' },
    keys: { type: 'string', default: '100000' },
    repeat: { type: 'string', default: '5' },
    rate: { type: 'string', default: '500' },
    only: { type: 'string', default: '' },
    steps: { type: 'string', default: 'pages,load,verify,purge,keys' },
    folder: { type: 'string' },
    bin: { type: 'string', default: join(root, 'bin/sluice') },
    out: { type: 'string' },
    json: { type: 'string' },
    help: { type: 'boolean', short: 'h', default: false },
  },
});
if (args.help) {
  process.stdout.write(usage);
  process.exit(0);
}
const size = { rows: Number(args.rows), users: Number(args.users), keys: Number(args.keys), audit: 200_000 };
const steps = args.steps.split(',');
const lab = new Lab(resolve(args.bin));
const folder = resolve(args.folder ?? join(lab.dir, 'books'));
const kToken = 'administrators-token';
const kPassword = 'a password of the bench';
const kClientKey = 'sk-books-0123456789abcdef';
const facts = { heavy: kHeavy, light: `user${String(Math.floor(size.users / 3)).padStart(5, '0')}` };
const lines = [];

function tell(text) {
  lines.push(text);
  process.stdout.write(`${text}\n`);
}

const seconds = (from) => (performance.now() - from) / 1000;
const memoryOf = (pid, what) => Number(
  new RegExp(`${what}:\\s+(\\d+) kB`).exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024;

function configure(name, url, mock, more = '') {
  const data = join(folder, name);
  const file = join(folder, `${name}.yaml`);
  writeFileSync(file, `
server: { host: 127.0.0.1, port: 0, drain_min: 0s }
auth: { admin_token: ${kToken} }
data_dir: "${data}"
database: { url: "${url}" }
providers:
  - { name: openai, type: openai, base_url: "${mock?.url ?? 'http://127.0.0.1:9'}/v1", api_keys: [k], default: true }
keys:
  - { key: ${kClientKey}, name: books, user: ${kHeavy} }
models: [ { name: mock-c1, input: "2.50", output: "10.00" } ]
logging: { level: warn }
${more}`);
  return { file, data };
}

const run = (...given) => execFileSync(resolve(args.bin), given, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/// The file that all databases are made from, with everything summed up.
async function makeFile(mock) {
  const { file, data } = configure('sqlite', 'sqlite:{data_dir}/sluice.db', mock);
  const database = join(data, 'sluice.db');
  if (existsSync(database)) return { file, database };
  run('migrate', '--config', file);
  const filled = performance.now();
  fill(database, size);
  process.stdout.write(`filled in ${seconds(filled).toFixed(0)} s\n`);
  const gateway = await startGateway(file);
  const from = performance.now();
  while (Number(ask(database, "SELECT value FROM settings WHERE name = 'usage_rolled'")) < size.rows) await sleep(200);
  tell(`summing up ${size.rows} rows: ${seconds(from).toFixed(0)} s`);
  await gateway.child.stop();
  return { file, database };
}

async function startGateway(file) {
  const from = performance.now();
  const child = lab.spawn('sluice', resolve(args.bin), ['serve', '--config', file]);
  const [, port] = await lab.printed(child, /Starting server on :(\d+)/);
  return { child, pid: child.pid, took: seconds(from) * 1000, url: `http://127.0.0.1:${port}` };
}

async function api(gateway, method, path, { token = kToken, body, headers } = {}) {
  const answer = await fetch(gateway.url + path, {
    method, headers: { authorization: `Bearer ${token}`, ...headers }, body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  return { status: answer.status, etag: answer.headers.get('etag'), text, size: text.length, json: () => JSON.parse(text) };
}

/// A password for the user with half of all, who then logs in.
async function logIn(gateway) {
  const { etag } = await api(gateway, 'GET', `/api/admin/users/${kHeavy}`);
  await api(gateway, 'PATCH', `/api/admin/users/${kHeavy}`, { body: { password: kPassword }, headers: { 'if-match': etag } });
  const answer = await api(gateway, 'POST', '/api/auth/login', { body: { username: kHeavy, password: kPassword } });
  if (answer.status !== 200) throw new Error(`login: ${answer.text}`);
  return answer.json().token;
}

/// What the pages are asked of.
function learn(database) {
  const one = (sql) => ask(database, sql);
  facts.now = Number(one('SELECT MAX(started_at) FROM usage_logs'));
  const rowAt = (share) => one(`SELECT id FROM usage_logs WHERE seq = ${Math.floor(size.rows * share)}`);
  facts.cursors = { middle: rowAt(0.5), 'near the end': rowAt(0.001) };
  facts.newest = one('SELECT id FROM usage_logs ORDER BY started_at DESC LIMIT 1');
  facts.ownRow = one('SELECT id FROM usage_logs WHERE user_id = 1 LIMIT 1');
  facts.lightRow = one('SELECT id FROM usage_logs WHERE user_id > 100 LIMIT 1');
  facts.key = one('SELECT key_name FROM usage_logs WHERE user_id = 1 LIMIT 1');
  facts.lightKey = one('SELECT key_name FROM usage_logs WHERE user_id > 100 LIMIT 1');
  facts.middleEntry = one('SELECT id FROM wallet_transactions WHERE wallet_id = 1 ORDER BY id LIMIT 1 OFFSET '
    + Math.floor(size.rows / 4));
  facts.middleAudit = size.audit / 2;
}

/// A user sees only his own rows, so that a cursor of his list is one of those.
function pagesFor(database) {
  const own = {};
  for (const [name, id] of Object.entries(facts.cursors)) {
    own[name] = ask(database, `SELECT id FROM usage_logs WHERE user_id = 1 AND seq >=`
      + ` (SELECT seq FROM usage_logs WHERE id = '${id}') LIMIT 1`);
  }
  const all = [...usagePages(facts), ...summaries(facts), ...otherPages(facts)];
  for (const page of all) {
    if (page.who !== 'user') continue;
    for (const [name, id] of Object.entries(facts.cursors)) {
      if (page.path.startsWith('/api/usage?')) page.path = page.path.replace(id, own[name]);
    }
  }
  const wanted = new RegExp(args.only);
  return all.filter(({ group, name }) => wanted.test(`${group}: ${name}`));
}

async function measurePages(gateway, pages, token, repeat) {
  const results = [];
  for (const page of pages) {
    const times = [];
    let answer;
    for (let i = 0; i <= repeat; ++i) {
      const from = performance.now();
      answer = await api(gateway, page.body ? 'POST' : 'GET', page.path,
        { token: page.who === 'admin' ? kToken : token, body: page.body });
      if (i > 0) times.push(performance.now() - from);
    }
    if (![200, 400, 404].includes(answer.status)) throw new Error(`${page.path}: ${answer.status} ${answer.text}`);
    results.push({ ...page, status: answer.status, size: answer.size, digest: answer.status === 200 ? digestOf(answer.text) : '', p50: quantile(times, 0.5), max: Math.max(...times) });
  }
  return results;
}

function tellPages(title, results) {
  tell(`\n### ${title}\n\n| pages | asked | p50 of the slowest, ms | which | slowest of all, ms |\n|---|---:|---:|---|---:|`);
  const groups = Map.groupBy(results, ({ group }) => group);
  for (const [group, all] of groups) {
    const worst = all.reduce((a, b) => (b.p50 > a.p50 ? b : a));
    tell(`| ${group} | ${all.length} | ${show(worst.p50)} | ${worst.name}${worst.status === 200 ? '' : ` (${worst.status})`} | ${show(Math.max(...all.map(({ max }) => max)))} |`);
  }
  const late = results.filter(({ p50 }) => p50 >= 100);
  tell(`\n${results.length - late.length} of ${results.length} pages under 100 ms (p50).`);
  for (const { path, body, p50 } of late) process.stdout.write(`LATE ${show(p50)} ms ${path} ${JSON.stringify(body ?? '')}\n`);
}

/// Calls through the gateway at a steady rate, until stop() is called, which tells how they went.
function startLoad(gateway, limit) {
  const child = spawn(resolve(args.bin), ['bench', '--json', '--no-stream', '--key', kClientKey, '--model', 'mock-c1',
    '--url', gateway.url, '--rate', args.rate, '--concurrency', '400', '--duration', `${limit}s`],
  { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (data) => { out += data; });
  const closed = new Promise((done) => child.once('close', done));
  return async () => {
    child.kill('SIGINT');
    await closed;
    return JSON.parse(out);
  };
}

function tellLoad(what, load) {
  const failed = JSON.stringify(load.failed ?? load.failures ?? load.errors ?? 0);
  tell(`${what}: ${show(load.requests_per_second ?? load.rate ?? 0)} calls/s, p50 ${show(load.total_us.p50 / 1000)} ms, `
    + `p99 ${show(load.total_us.p99 / 1000)} ms, longest ${show(load.total_us.max / 1000)} ms, failed ${failed}`);
}

const everything = [];

async function measure(kind, source, mock) {
  let server;
  let place = { file: source.file, database: source.database };
  if (kind !== 'sqlite') {
    const made = existsSync(join(folder, kind, 'data'));
    server = await DatabaseServer.start(kind, folder);
    lab.children.add(server);
    place = configure(`on-${kind}`, server.url, mock);
    if (!made) {
      const from = performance.now();
      run('restore', source.database, '--config', place.file);
      const count = (table) => `SELECT COUNT(*) FROM ${table}`;
      const counts = ['usage_logs', 'wallet_transactions', 'api_keys', 'users', 'usage_rollups', 'audit_log']
        .map((table) => [table, Number(server.ask(count(table))), ask(source.database, count(table))]);
      const equal = counts.every(([, there, here]) => there === here);
      tell(`SQLite to ${kind}: ${seconds(from).toFixed(1)} s, `
        + `counts ${equal ? 'equal' : `differ: ${JSON.stringify(counts)}`}`);
    }
  } else {
    place = configure('sqlite', 'sqlite:{data_dir}/sluice.db', mock);
  }
  const gateway = await startGateway(place.file);
  const pages = pagesFor(source.database);
  const token = await logIn(gateway);
  tell(`\n## ${kind}\n\nstart with ${size.keys} keys, ${size.users} users, ${size.rows} requests: ${show(gateway.took)} ms, `
    + `${show(memoryOf(gateway.pid, 'VmRSS'))} MiB resident`);
  if (steps.includes('pages')) {
    const results = await measurePages(gateway, pages, token, Number(args.repeat));
    tellPages(`${kind}, nothing else`, results);
    everything.push(...results.map((each) => ({ database: kind, load: false, ...each })));
  }
  if (steps.includes('load')) {
    const stop = startLoad(gateway, 600);
    await sleep(2000);
    const results = await measurePages(gateway, pages, token, Math.ceil(Number(args.repeat) / 2));
    const load = await stop();
    tellPages(`${kind}, beside ${args.rate} settlements a second`, results);
    tellLoad('calls meanwhile', load);
    everything.push(...results.map((each) => ({ database: kind, load: true, ...each })));
  }
  if (steps.includes('verify')) {
    const stop = startLoad(gateway, 600);
    await sleep(1000);
    const before = memoryOf(gateway.pid, 'VmHWM');
    const from = performance.now();
    const verdict = await api(gateway, 'POST', '/api/admin/wallets/verify', {});
    const took = seconds(from);
    const load = await stop();
    tell(`\nverification beside ${args.rate} settlements a second: ${took.toFixed(1)} s, `
      + `${JSON.parse(verdict.text).equal ? 'equal' : verdict.text.slice(0, 300)}, `
      + `peak memory ${show(memoryOf(gateway.pid, 'VmHWM') - before)} MiB more`);
    tellLoad('calls meanwhile', load);
  }
  await gateway.child.stop();
  if (steps.includes('verify')) {
    const from = performance.now();
    const copy = join(folder, `${kind}.backup`);
    run('backup', copy, '--config', place.file);
    tell(`backup: ${seconds(from).toFixed(1)} s, ${(statSync(copy).size / 2 ** 20).toFixed(0)} MiB`);
    rmSync(copy);
  }
  if (steps.includes('purge')) await purge(kind, place, server, mock);
  if (server) {
    await server.stop();
    lab.children.delete(server);
  }
}

/// Most of the rows go, beside settlements. Of a copy, since the rows are wanted again.
async function purge(kind, place, server, mock) {
  if (server) return;
  const copy = configure('purged', 'sqlite:{data_dir}/sluice.db', mock, 'usage: { retention: 2160h }\n');
  mkdirSync(copy.data, { recursive: true });
  copyFileSync(place.data ? join(place.data, 'sluice.db') : place.database, join(copy.data, 'sluice.db'));
  const gateway = await startGateway(copy.file);
  const stop = startLoad(gateway, 900);
  const from = performance.now();
  const old = `SELECT COUNT(*) FROM usage_logs WHERE started_at < ${Date.now() - 90 * 86_400_000}`;
  const database = join(copy.data, 'sluice.db');
  const before = ask(database, 'SELECT COUNT(*) FROM usage_logs');
  while (ask(database, old) > 0) await sleep(1000);
  const took = seconds(from);
  const load = await stop();
  tell(`\npurging ${before - ask(database, 'SELECT COUNT(*) FROM usage_logs')} rows beside ${args.rate} settlements a second: ${took.toFixed(0)} s`);
  tellLoad('calls meanwhile', load);
  const verdict = await api(gateway, 'POST', '/api/admin/wallets/verify', {});
  tell(`verified afterwards: ${JSON.parse(verdict.text).equal ? 'equal' : verdict.text.slice(0, 300)}`);
  await gateway.child.stop();
  rmSync(copy.data, { recursive: true });
}

/// What keys and users cost: a start and the memory, against a database without any.
async function keysStep(source) {
  const empty = configure('empty', 'sqlite:{data_dir}/sluice.db');
  const figures = { empty: [], full: [] };
  for (let i = 0; i < 5; ++i) {
    for (const [name, file] of [['empty', empty.file], ['full', source.file]]) {
      const gateway = await startGateway(file);
      await sleep(500);
      figures[name].push({ took: gateway.took, memory: memoryOf(gateway.pid, 'RssAnon') });
      await gateway.child.stop();
    }
  }
  const middle = (name, what) => quantile(figures[name].map((each) => each[what]), 0.5);
  tell(`\nstart: ${show(middle('empty', 'took'))} ms without anything, ${show(middle('full', 'took'))} ms with `
    + `${size.keys} keys and ${size.users} users; memory ${show(middle('full', 'memory') - middle('empty', 'memory'))} MiB more `
    + '(RssAnon, median of 5)');
  rmSync(empty.data, { recursive: true });
}

let failed = false;
try {
  mkdirSync(folder, { recursive: true });
  const mock = await lab.startMock();
  const source = await makeFile(mock);
  learn(source.database);
  if (steps.includes('keys')) await keysStep(source);
  for (const kind of args.databases.split(',')) await measure(kind, source, mock);
  if (args.json) writeFileSync(args.json, JSON.stringify(everything, null, 1));
  if (args.out) {
    writeFileSync(args.out, `# Large databases\n\nMade by \`bench/books.js\`: ${new Date().toISOString().slice(0, 10)}, `
      + `${availableParallelism()} cores; ${run('version').split('\n')[0]}.\n\n${lines.join('\n')}\n`);
  }
} catch (error) {
  process.stderr.write(`books: ${error.stack}\n${error.stderr ?? ''}\n`);
  failed = true;
} finally {
  await lab.close();
}
process.exit(failed ? 1 : 0);
