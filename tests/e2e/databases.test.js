// The same gateway on each of the three databases.
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { chat } from '../harness/clients.mjs';
import { kinds, placeFor, servers, startServer } from '../harness/databases.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { Books, call, costOf, kPrompt, nanos, sluice, sluiceJson } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';
import { run, temporaryFolder, writeConfig } from '../harness/processes.mjs';
import { checkTraffic, kPricedModels, randomTraffic } from '../harness/traffic.mjs';

const key = 'sk-databases-0123456789';
const kPrice = { input: '2.50', output: '10.00' };
const mock = await startMock();
for (const kind of servers) await startServer(kind);

function configOf(place, changes = {}) {
  const config = configFor(mock.url, {
    ...place.changes,
    keys: [{ key, name: 'tester', user: 'ann', quota_tokens: 1_000_000_000 }],
    models: [...kPricedModels, { name: 'mock-c5', ...kPrice }],
    logging: { level: 'warn' },
    ...changes,
  });
  for (const provider of config.providers) provider.timeouts = { between_tokens: '1s' };
  return config;
}

for (const kind of kinds) {
  test(`on ${kind} keys, wallets, calls of every end and the books add up to the token`, async () => {
    const place = await placeFor(kind);
    const config = configOf(place);
    const gateway = await startGateway(config, place);
    const { books } = place;
    await sluice(gateway, 'wallet', 'top-up', 'ann', '100', '--idempotency-key', 'once');
    await sluice(gateway, 'wallet', 'top-up', 'ann', '100', '--idempotency-key', 'once');
    const made = await sluiceJson(gateway, 'key', 'create', 'second', '--user', 'ann');
    const done = await randomTraffic(gateway, { count: 150, parallel: 16, key, seed: 11 });
    await checkTraffic(done, books, mock);
    const own = await call(gateway, { key: made.key, id: 'own', body: chat('mock-c5') });
    assert.equal(own.status, 200, own.text);
    await sluice(gateway, 'key', 'delete', String(made.id));
    assert.equal((await call(gateway, { key: made.key, body: chat('mock-c5') })).status, 401);
    await books.settled();
    books.check();
    const rows = books.usage();
    const spent = rows.reduce((sum, { cost }) => sum + cost, 0);
    assert.equal(books.balance('ann'), nanos('100') - spent);
    const [row] = books.rowsOf('own');
    assert.equal(row.cost, costOf(kPrice, kPrompt.openai, 5));
    assert.equal((await sluiceJson(gateway, 'wallet', 'verify')).equal, true);
    // A restart refills nothing and forgets nothing.
    await gateway.stop();
    const again = await startGateway(config, place);
    assert.equal((await call(again, { key, id: 'later', body: chat('mock-c5') })).status, 200);
    await books.settled();
    assert.equal(books.balance('ann'), nanos('100') - spent - costOf(kPrice, kPrompt.openai, 5));
    assert.equal((await sluiceJson(again, 'wallet', 'verify')).equal, true);
  });
}

for (const kind of servers) {
  test(`${kind}: nothing shows the password`, async () => {
    const place = await placeFor(kind);
    const gateway = await startGateway(configOf(place, { logging: { level: 'debug' } }), place);
    await call(gateway, { key, body: chat('mock-c5') });
    await gateway.stop();
    const url = place.url.replace('a%20secret', 'hunter2');
    const config = configOf({ changes: { database: { url } } });
    const file = writeConfig(path.join(place.folder, 'wrong.yaml'), config);
    const wrong = await run(['serve', '--config', file], { cwd: place.folder });
    assert.notEqual(wrong.code, 0);
    assert.match(wrong.stderr, /cannot connect to \w+:\/\/sluice@127\.0\.0\.1/);
    for (const text of [gateway.stdout.text, gateway.stderr.text, wrong.stdout, wrong.stderr]) {
      assert.doesNotMatch(text, /hunter2|a secret|a%20secret/);
    }
  });
}

test('sluice check says what is wrong with an address, and not the password', async () => {
  const folder = temporaryFolder();
  for (const [url, what] of [
    ['postgresql://u:hunter2@h:x/db', /the port is no number/],
    ['mysql://u:hunter2@h/db?sslmode=require', /did you mean "ssl-mode"/],
    ['postgresql://u:hunter2@h', /names no database/],
    ['oracle://u:hunter2@h/db', /must be sqlite:PATH, postgresql:/],
  ]) {
    const file = writeConfig(path.join(folder, 'gateway.yaml'), { database: { url } });
    const { code, stderr } = await run(['check', '--config', file], { cwd: folder });
    assert.equal(code, 2);
    assert.match(stderr, what);
    assert.doesNotMatch(stderr, /hunter2/);
  }
});

test('the variables DB_* name a server', async () => {
  const place = await placeFor('mysql');
  const { hostname, port, pathname } = new URL(place.url);
  const env = {
    DB_HOST: hostname,
    DB_PORT: port,
    DB_USER: 'sluice',
    DB_PASSWORD: 'a secret',
    DB_NAME: pathname.slice(1),
  };
  const config = configOf({ changes: {} }, { keys: [{ key, name: 'tester' }] });
  const gateway = await startGateway(config, { folder: place.folder, env });
  assert.equal((await call(gateway, { key, id: 'by-env', body: chat('mock-c5') })).status, 200);
  await place.books.settled();
  assert.equal(place.books.rowsOf('by-env').length, 1);
  assert.ok(!existsSync(path.join(place.folder, 'data/sluice.db')));
});

test('books move from SQLite to a server and back by one command each', async () => {
  const embedded = await placeFor('sqlite');
  const first = await startGateway(configOf(embedded), embedded);
  await sluice(first, 'wallet', 'top-up', 'ann', '7');
  const { key: made } = await sluiceJson(first, 'key', 'create', 'moved', '--user', 'ann');
  for (let i = 0; i < 5; ++i) await call(first, { key: made, id: `moved-${i}`, body: chat('mock-c5') });
  await first.stop();
  const from = path.join(embedded.folder, 'data/sluice.db');
  const balance = new Books(embedded.folder).balance('ann');
  for (const kind of servers) {
    const place = await placeFor(kind);
    const file = writeConfig(path.join(place.folder, 'gateway.yaml'), configOf(place));
    const restored = await run(['restore', from, '--config', file], { cwd: place.folder });
    assert.equal(restored.code, 0, restored.stderr);
    const gateway = await startGateway(configOf(place), place);
    assert.equal(place.books.balance('ann'), balance);
    assert.equal(place.books.rowsOf('moved-3').length, 1);
    assert.equal((await call(gateway, { key: made, body: chat('mock-c5') })).status, 200);
    assert.equal((await sluiceJson(gateway, 'wallet', 'verify')).equal, true);
    const copy = path.join(place.folder, 'backup.db');
    await sluice(gateway, 'backup', copy);
    await gateway.stop();
    const again = await run(['restore', copy, '--config', file], { cwd: place.folder });
    assert.notEqual(again.code, 0);
    assert.match(again.stderr, /is not empty/);
    // And back into a file.
    const home = await placeFor('sqlite');
    const there = writeConfig(path.join(home.folder, 'gateway.yaml'), configOf(home));
    const back = await run(['restore', copy, '--config', there], { cwd: home.folder });
    assert.equal(back.code, 0, back.stderr);
    assert.equal(home.books.rowsOf('moved-3').length, 1);
  }
});

test('sluice migrate makes the schema that a gateway then uses', async () => {
  for (const kind of kinds) {
    const place = await placeFor(kind);
    const file = writeConfig(path.join(place.folder, 'gateway.yaml'), configOf(place));
    const options = { cwd: place.folder };
    const { code, stdout, stderr } = await run(['migrate', '--json', '--config', file], options);
    assert.equal(code, 0, stderr);
    const { version } = JSON.parse(stdout);
    assert.equal(place.books.one('SELECT max(version) AS version FROM schema_migrations').version, version);
  }
});
