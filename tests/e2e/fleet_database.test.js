// Several gateways on one database server: what is changed at one holds at the others.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, test } from 'node:test';
import { admin, kAdminToken } from '../harness/administration.mjs';
import { chat } from '../harness/clients.mjs';
import { placeFor, servers, startServer } from '../harness/databases.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { call, costOf, kPrompt, nanos } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';
import { run, temporaryFolder, writeConfig } from '../harness/processes.mjs';
import { until } from '../harness/until.mjs';

const kJwtSecret = 'kX9vQ2mT7rLp4sWz8nBd3fGh6jYc1aEu';
const kSecretKey = 'pR5tY8uI1oA4sD7fG0hJ3kL6zX9cV2bN';
const kPassword = 'correct horse battery';
const mock = await startMock();
for (const kind of servers) await startServer(kind);

const seen = []; // milliseconds until a change was in force elsewhere
after(() => {
  seen.sort((a, b) => a - b);
  const at = (part) => Math.round(seen[Math.min(seen.length - 1, Math.floor(seen.length * part))]);
  console.log(`# in force elsewhere after ${at(0.5)} ms (median), ${at(1)} ms at most`);
});

function configOf(place, changes = {}) {
  return configFor(mock.url, {
    ...place.changes,
    auth: { admin_token: kAdminToken, jwt_secret: kJwtSecret },
    database: { ...place.changes.database, secret_key: kSecretKey },
    keys: [],
    logging: { level: 'warn' },
    ...changes,
  });
}

async function fleetFor(kind, changes = {}) {
  const place = await placeFor(kind);
  const a = await startGateway(configOf(place, changes), place);
  const b = await startGateway(configOf(place, changes), { folder: temporaryFolder() });
  return { place, a, b };
}

async function ask(gateway, method, route, body, headers) {
  const answer = await admin(gateway, method, route, body, headers);
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${route}: ${answer.status} ${text}`);
  return { etag: answer.headers.get('etag'), ...(text && JSON.parse(text)) };
}

/// Waits until `look` is true; the patience is generous, for a machine that is busy.
async function heard(what, look) {
  const began = performance.now();
  await until(what, async () => {
    const value = await look();
    return { done: value === true, value };
  });
  seen.push(performance.now() - began);
}

const statusOf = async (gateway, key, model = 'mock-c2') =>
  (await call(gateway, { key, body: chat(model) })).status;
const becomes = (what, gateway, key, status) =>
  heard(what, async () => {
    const now = await statusOf(gateway, key);
    return now === status || now;
  });

let names = 0;
async function userWith(gateway, usd) {
  const name = `user${++names}`;
  const { user } = await ask(gateway, 'POST', 'users', { username: name, password: kPassword });
  if (usd) await topUp(gateway, name, usd);
  return { name, id: user.id };
}

const topUp = (gateway, user, amount) =>
  ask(gateway, 'POST', `users/${user}/wallet/top-up`, { amount, idempotency_key: `top-up-${++names}` });

const keyFor = (gateway, user, more = {}) =>
  ask(gateway, 'POST', 'keys', { name: `key${++names}`, ...(user && { user }), ...more });

async function providerOf(gateway, key, model) {
  const answer = await gateway.post('/v1/chat/completions', chat(model, { stream: false }), {
    authorization: `Bearer ${key}`,
  });
  await answer.text();
  return answer.headers.get('x-sluice-provider');
}

for (const kind of servers) {
  test(`${kind}: a key made at one gateway works at the other, and deleted is refused there`, async () => {
    const { a, b, place } = await fleetFor(kind);
    const made = await keyFor(a);
    await becomes('the new key', b, made.key, 200);
    const { etag } = await ask(a, 'GET', `keys/${made.id}`);
    await ask(a, 'PATCH', `keys/${made.id}`, { max_parallel: 3, models: ['other'] }, { 'if-match': etag });
    await becomes('the limit', b, made.key, 403);
    const { etag: now } = await ask(b, 'GET', `keys/${made.id}`);
    await ask(b, 'PATCH', `keys/${made.id}`, { models: [] }, { 'if-match': now });
    await becomes('the limit gone', a, made.key, 200);
    await ask(a, 'DELETE', `keys/${made.id}`);
    await becomes('the deletion', b, made.key, 401);
    // By hand, where nobody tells a gateway anything.
    const other = await keyFor(b);
    await becomes('another key', a, other.key, 200);
    place.books.server.query(`UPDATE api_keys SET enabled = 0 WHERE id = ${other.id}`, place.books.database);
    await becomes('what was done by hand', a, other.key, 401);
    await becomes('what was done by hand', b, other.key, 401);
    place.books.server.query(`DELETE FROM api_keys WHERE id = ${other.id}`, place.books.database);
    assert.equal(await statusOf(b, other.key), 401);
  });

  test(`${kind}: users who are disabled and logins that end are so at both gateways`, async () => {
    const { a, b } = await fleetFor(kind);
    const user = await userWith(a, '5');
    const { key } = await keyFor(a, user.name);
    await becomes('the key', b, key, 200);
    const login = async () => {
      const answer = await fetch(`${a.url}/api/auth/login`, {
        method: 'POST',
        body: JSON.stringify({ username: user.name, password: kPassword }),
      });
      return (await answer.json()).token;
    };
    const me = async (gateway, token) =>
      (await gateway.get('/api/me', { authorization: `Bearer ${token}` })).status;
    const token = await login();
    assert.equal(await me(b, token), 200);
    await fetch(`${a.url}/api/sessions`, { headers: { authorization: `Bearer ${token}` } })
      .then((answer) => answer.json())
      .then(({ data }) =>
        fetch(`${a.url}/api/sessions/${data[0].id}`, {
          method: 'DELETE',
          headers: { authorization: `Bearer ${token}` },
        }),
      );
    await heard('the end of the login', async () => (await me(b, token)) === 401);
    const second = await login();
    const { etag } = await ask(a, 'GET', `users/${user.id}`);
    await ask(a, 'PATCH', `users/${user.id}`, { disabled: true }, { 'if-match': etag });
    await becomes('the disabled user', b, key, 401);
    await heard('the disabled user', async () => (await me(b, second)) === 401);
    const { etag: later } = await ask(b, 'GET', `users/${user.id}`);
    await ask(b, 'PATCH', `users/${user.id}`, { disabled: false }, { 'if-match': later });
    await becomes('the user again', a, key, 200);
  });

  test(`${kind}: prices, providers, rules and groups hold at both gateways`, async () => {
    const { a, b, place } = await fleetFor(kind);
    const user = await userWith(a, '5');
    const { key } = await keyFor(a, user.name);
    await becomes('the key', b, key, 200);
    const price = { input: '2.50', output: '10.00' };
    await ask(a, 'POST', 'models', { model: 'mock-c5', ...price });
    let last = '';
    await heard('the price', async () => {
      last = `priced-${++names}`;
      assert.equal((await call(b, { key, id: last, body: chat('mock-c5') })).status, 200);
      await place.books.settled();
      return place.books.rowsOf(last)[0].cost === costOf(price, kPrompt.openai, 5);
    });
    await ask(a, 'POST', 'providers', {
      name: 'second', type: 'openai', base_url: `${mock.url}/v1`, api_keys: ['sk-second-0123456789'],
    });
    await ask(a, 'POST', 'routing/rules', {
      type: 'exact', pattern: 'mock-c3', target: 'second', priority: 5,
    });
    await heard('the rule', async () => (await providerOf(b, key, 'mock-c3')) === 'second');
    await ask(b, 'POST', 'routing/groups', {
      name: 'pool', strategy: 'round_robin', members: [{ target: 'second' }],
    });
    const rule = await ask(b, 'POST', 'routing/rules', {
      type: 'exact', pattern: 'mock-c4', target: 'pool', priority: 5,
    });
    await heard('the group', async () => (await providerOf(a, key, 'mock-c4')) === 'second');
    const { etag } = await ask(b, 'GET', `routing/rules`).then(() => admin(b, 'GET', `routing/rules/${rule.id}`)).then((x) => ({ etag: x.headers.get('etag') }));
    await ask(b, 'DELETE', `routing/rules/${rule.id}`, undefined, etag ? { 'if-match': etag } : {});
    await heard('the rule gone', async () => (await providerOf(a, key, 'mock-c4')) === 'oa');
    place.books.server.query(
      "INSERT INTO routing_rules (rule_type, pattern, provider_name) VALUES ('exact', 'mock-c6', 'second')",
      place.books.database,
    );
    await heard('a row by hand', async () => (await providerOf(a, key, 'mock-c6')) === 'second');
  });

  test(`${kind}: a price set for a user before he registers is his when he does`, async () => {
    const { a, b, place } = await fleetFor(kind);
    const name = `user${++names}`;
    const price = { input: '1.00', output: '3.00' };
    await ask(a, 'POST', 'models', { model: 'mock-c5', input: '2.50', output: '10.00' });
    await ask(a, 'POST', 'models', { model: 'mock-c5', scope: `user:${name}`, ...price });
    await ask(a, 'POST', 'users', { username: name, password: kPassword });
    await topUp(a, name, '5');
    const { key } = await keyFor(a, name);
    const expected = costOf(price, kPrompt.openai, 5);
    assert.equal((await call(a, { key, id: 'first', body: chat('mock-c5') })).status, 200);
    await becomes('the key', b, key, 200);
    assert.equal((await call(b, { key, id: 'elsewhere', body: chat('mock-c5') })).status, 200);
    await place.books.settled();
    assert.equal(place.books.rowsOf('first')[0].cost, expected);
    await until('the books', async () => {
      const [row] = place.books.rowsOf('elsewhere');
      return { done: row?.cost === expected, value: row?.cost };
    });
  });

  test(`${kind}: balances and quotas are corrected by what was spent elsewhere`, async () => {
    const { a, b, place } = await fleetFor(kind);
    const user = await userWith(a);
    const { key } = await keyFor(a, user.name);
    await ask(a, 'POST', 'models', { model: 'mock-c100', input: '0', output: '10000.00' }); // $1 an answer
    await becomes('an empty wallet', b, key, 200);
    await heard('an empty wallet', async () => (await statusOf(b, key, 'mock-c100')) === 429);
    await topUp(a, user.name, '3');
    await heard('the top-up', async () => (await statusOf(b, key, 'mock-c100')) === 200);
    assert.equal(await statusOf(a, key, 'mock-c100'), 200);
    assert.equal(await statusOf(a, key, 'mock-c100'), 200, 'a third dollar, wherever it is spent');
    await heard('what a has spent', async () => (await statusOf(b, key, 'mock-c100')) === 429);
    await heard('what b has spent', async () => (await statusOf(a, key, 'mock-c100')) === 429);
    // Many more: what has been corrected is not corrected twice.
    await topUp(b, user.name, '2');
    await topUp(b, user.name, '5');
    await heard('the top-ups', async () => {
      const wallet = await ask(a, 'GET', `users/${user.name}/wallet`);
      return wallet.available === wallet.balance && nanos(wallet.balance) === place.books.balance(user.name) || wallet;
    });
    const quota = await keyFor(a, undefined, { quota_tokens: 250 });
    await becomes('the key', b, quota.key, 200);
    assert.equal(await statusOf(a, quota.key, 'mock-c100'), 200);
    assert.equal(await statusOf(b, quota.key, 'mock-c100'), 200);
    await heard('the tokens of b', async () => (await statusOf(a, quota.key, 'mock-c100')) === 429);
    await heard('the tokens of a', async () => (await statusOf(b, quota.key, 'mock-c100')) === 429);
  });
}

/// Alice's team with $10, and Bob, its member, with two keys that it pays for.
async function teamAt(gateway, budgets) {
  const alice = await userWith(gateway);
  const bob = await userWith(gateway);
  const login = await fetch(`${gateway.url}/api/auth/login`, {
    method: 'POST',
    body: JSON.stringify({ username: alice.name, password: kPassword }),
  });
  const { token } = await login.json();
  const asAlice = async (at, method, route, body) => {
    const headers = { authorization: `Bearer ${token}`, 'if-match': '*' };
    const answer = await fetch(`${at.url}/api/teams${route}`, {
      method, headers, body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    assert.ok(answer.ok, `${method} ${route}: ${answer.status} ${text}`);
    return JSON.parse(text);
  };
  const name = `team${++names}`;
  const { team } = await asAlice(gateway, 'POST', '', { name });
  await asAlice(gateway, 'POST', `/${team.id}/members`, { user: bob.name, budgets });
  await topUp(gateway, name, '10');
  const member = (at, method, body) => asAlice(at, method, `/${team.id}/members/${bob.name}`, body);
  const key = () => keyFor(gateway, bob.name, { team: name });
  return { team, bob, member, asAlice, keys: [await key(), await key()] };
}

async function pricesAt(gateway) {
  await ask(gateway, 'POST', 'models', { model: 'mock-c100', input: '0', output: '10000.00' }); // $1 an answer
  await ask(gateway, 'POST', 'models', { model: 'mock-c2', input: '0', output: '0.01' }); // next to nothing
  await ask(gateway, 'POST', 'models', { model: 'mock-c8000-i5', input: '0', output: '0.01' });
}

/// What goes on until it is told otherwise, for 40 seconds at least.
async function streamOf(gateway, key) {
  const answer = await gateway.post('/v1/chat/completions', chat('mock-c8000-i5', { stream: true }), {
    authorization: `Bearer ${key}`,
  });
  assert.equal(answer.status, 200);
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = (await reader.read()).value;
  return async () => {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text;
      text += value;
    }
  };
}

for (const kind of servers) {
  test(`${kind}: what a member spends at one gateway is taken from his budget at the other, once`, async () => {
    const { a, b } = await fleetFor(kind);
    await pricesAt(a);
    const { member, keys } = await teamAt(a, { day: '3' });
    await becomes('the key', b, keys[1].key, 200);
    // Exactly three dollars, with a key that is not used elsewhere.
    for (let i = 0; i < 3; ++i) assert.equal(await statusOf(a, keys[0].key, 'mock-c100'), 200);
    const refused = async (gateway, { key }) => {
      const { status, text } = await call(gateway, { key, body: chat('mock-c2') });
      return (status === 429 && /Your budget of the day in the team/.test(text)) || text;
    };
    assert.equal(await refused(a, keys[0]), true);
    await ask(a, 'DELETE', `keys/${keys[0].id}`); // what it has spent was the member's
    await heard('what a has spent', () => refused(b, keys[1]));
    // What has been taken is not taken again: there is room for a fourth and no fifth.
    await member(a, 'PATCH', { budgets: { day: '4.5' } });
    await becomes('the new budget', b, keys[1].key, 200);
    assert.equal(await statusOf(b, keys[1].key, 'mock-c100'), 200);
    await member(b, 'PATCH', { budgets: { day: '4' } });
    await heard('what b has spent', () => refused(a, keys[1]));
    assert.equal(await refused(b, keys[1]), true);
  });

  test(`${kind}: who is taken out at one gateway has his streams ended at the other`, async () => {
    const { a, b } = await fleetFor(kind);
    await pricesAt(a);
    const { member, keys } = await teamAt(a);
    await becomes('the key', b, keys[1].key, 200);
    const rest = await streamOf(b, keys[1].key);
    await member(a, 'DELETE');
    const began = performance.now();
    const text = await rest();
    assert.match(text, /budget_exhausted/);
    assert.doesNotMatch(text, /\[DONE\]/);
    seen.push(performance.now() - began);
    const { status, text: why } = await call(b, { key: keys[1].key, body: chat('mock-c2') });
    assert.equal(status, 429);
    assert.match(why, /pays for it no more/);
  });

  test(`${kind}: a team that is deleted at one gateway pays for nothing more at the other`, async () => {
    const { a, b } = await fleetFor(kind); // without prices nothing is taken from the wallet
    const { team, asAlice, keys } = await teamAt(a);
    await becomes('the key', b, keys[1].key, 200);
    await ask(a, 'POST', `users/${team.name}/wallet/adjust`, {
      amount: '-10', reason: 'closed', idempotency_key: `adjust-${++names}`,
    });
    await asAlice(a, 'DELETE', `/${team.id}`);
    await heard('the end of the team', async () => {
      const { text } = await call(b, { key: keys[1].key, body: chat('mock-c2') });
      return /pays for it no more/.test(text) || text;
    });
  });
}

test('sqlite: a price set for a user before he registers is his when he does', async () => {
  const place = await placeFor('sqlite');
  const gateway = await startGateway(configOf(place), place);
  const price = { input: '1.00', output: '3.00' };
  await ask(gateway, 'POST', 'models', { model: 'mock-c5', input: '2.50', output: '10.00' });
  await ask(gateway, 'POST', 'models', { model: 'mock-c5', scope: 'user:late', ...price });
  await ask(gateway, 'POST', 'users', { username: 'late', password: kPassword });
  await topUp(gateway, 'late', '5');
  const { key } = await keyFor(gateway, 'late');
  assert.equal((await call(gateway, { key, id: 'first', body: chat('mock-c5') })).status, 200);
  await place.books.settled?.();
  const [row] = await until('the row', async () => {
    const rows = place.books.rowsOf('first');
    return { done: rows.length === 1, value: rows };
  });
  assert.equal(row.cost, costOf(price, kPrompt.openai, 5));
});

for (const kind of servers) {
  test(`${kind}: a gateway that starts while the server is away waits for it, and then serves`, async () => {
    const place = await placeFor(kind);
    const first = await startGateway(configOf(place), place);
    const { key } = await keyFor(first);
    assert.equal(await statusOf(first, key), 200);
    await place.books.settled();
    await first.stop();
    await place.server.kill();
    const gateway = await startGateway(configOf(place), place);
    assert.equal((await gateway.get('/health')).status, 200);
    const ready = await gateway.get('/ready');
    assert.equal(ready.status, 503);
    assert.match(await ready.text(), /the database server does not answer/);
    const refused = await call(gateway, { key, body: chat('mock-c2') });
    assert.equal(refused.status, 503);
    assert.match(refused.text, /ledger_unavailable/);
    await gateway.stdout.first(/database_away/);
    await place.server.start();
    await until('the gateway to be ready', async () => {
      const { status } = await gateway.get('/ready').catch(() => ({}));
      return { done: status === 200, value: status };
    });
    assert.equal(await statusOf(gateway, key), 200);
    await gateway.stop();
    // And one that is told to stop meanwhile does.
    await place.server.kill();
    const other = await startGateway(configOf(place), place);
    assert.equal((await other.get('/health')).status, 200);
    await other.stop();
    await place.server.start();
  });

  test(`${kind}: what will not change by waiting ends a start at once`, async () => {
    const place = await placeFor(kind);
    const url = new URL(place.url);
    for (const [what, change] of [
      ['a wrong password', () => (url.password = 'hunter2')],
      ['a wrong name', () => (url.pathname = '/nowhere')],
      ['no TLS there', () => url.searchParams.set(...(kind === 'mysql' ? ['ssl-mode', 'REQUIRED'] : ['sslmode', 'require']))],
    ]) {
      url.href = place.url;
      change();
      const config = configOf({ changes: { database: { url: url.href } } });
      const file = writeConfig(path.join(place.folder, 'wrong.yaml'), config);
      const { code, stderr } = await run(['serve', '--config', file], { cwd: place.folder });
      assert.equal(code, 1, `${what}: ${stderr}`);
      assert.match(stderr, /cannot connect to/, what);
      assert.doesNotMatch(stderr, /hunter2/);
    }
  });
}
