// Prices and usage: who pays what, how it was computed, and what it adds up to.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { admin, place } from '../harness/administration.mjs';
import { chat } from '../harness/clients.mjs';
import { startGateway } from '../harness/gateway.mjs';
import { nanos } from '../harness/metering.mjs';
import { startMock } from '../harness/mock.mjs';
import { until } from '../harness/until.mjs';

const kPassword = 'correct horse battery';
const mock = await startMock();
const here = place(mock);
const gateway = await startGateway(here.config);

async function asked(method, route, body, token) {
  const answer = await fetch(`${gateway.url}${route}`, {
    method,
    headers: token ? { authorization: `Bearer ${token}` } : {},
    body: body && JSON.stringify(body),
  });
  const text = await answer.text();
  const json = answer.headers.get('content-type')?.includes('json');
  return { status: answer.status, headers: answer.headers, text, body: json ? JSON.parse(text) : null };
}

async function administer(method, route, body) {
  const answer = await admin(gateway, method, route, body);
  const text = await answer.text();
  assert.ok(answer.ok, `${method} ${route}: ${text}`);
  return JSON.parse(text);
}

/// Somebody who can log in, pay and call.
async function person(username) {
  const registered = await asked('POST', '/api/auth/register', {
    username,
    email: `${username}@example.com`,
    password: kPassword,
  });
  assert.equal(registered.status, 201, registered.text);
  const login = await asked('POST', '/api/auth/login', { username, password: kPassword });
  assert.equal(login.status, 200, login.text);
  await administer('POST', `users/${username}/wallet/top-up`, {
    amount: '10',
    reason: 'test',
    idempotency_key: `first of ${username}`,
  });
  const { key } = await administer('POST', 'keys', { name: `of-${username}`, user: username });
  const token = login.body.token;
  return { username, key, token, get: (route) => asked('GET', route, undefined, token) };
}

/// A call, and the story of its row.
async function called(who) {
  const before = (await who.get('/api/usage?limit=1')).body.data[0]?.id;
  const answer = await gateway.post('/v1/chat/completions', chat('mock-c5'), {
    authorization: `Bearer ${who.key}`,
  });
  assert.equal(answer.status, 200, await answer.text());
  const id = await until('the row', async () => {
    const value = (await who.get('/api/usage?limit=1')).body.data[0]?.id;
    return { done: value !== undefined && value !== before, value };
  });
  const story = await who.get(`/api/usage/${id}`);
  assert.equal(story.status, 200, story.text);
  return story.body;
}

/// In 1e-15 USD.
function exact(amount) {
  const [whole, part = ''] = amount.split('.');
  return BigInt(whole) * 10n ** 15n + BigInt(part.padEnd(15, '0'));
}

function checkArithmetic(story, price) {
  assert.equal(story.price.input, price.input);
  assert.equal(story.price.output, price.output);
  let sum = 0n;
  for (const line of story.price_lines) {
    assert.equal(exact(line.amount), BigInt(line.tokens) * BigInt(nanos(line.price_per_million)));
    sum += exact(line.amount);
  }
  assert.equal(BigInt(nanos(story.cost)), (sum + 500_000n) / 1_000_000n);
  const tokens = Object.fromEntries(story.price_lines.map((line) => [line.class, line.tokens]));
  assert.equal(tokens.input, story.input_tokens);
  assert.equal(tokens.output, story.output_tokens);
}

await person('root');
const alice = await person('alice');
const bob = await person('bob');
const carol = await person('carol');
const price = (scope, input, output) =>
  administer('POST', 'models', { model: 'mock-c5', ...(scope && { scope }), input, output });

test('users pay their own price, then that of their group, then everybody\'s', async () => {
  await price('', '2', '8');
  await price('group:friends', '1', '4');
  await price('user:alice', '0.333333333', '0.777777777');
  await administer('POST', 'price-groups', { user: 'alice', group: 'friends' });
  await administer('POST', 'price-groups', { user: 'bob', group: 'friends' });
  const rows = {};
  for (const who of [alice, bob, carol]) {
    await until('the price', async () => {
      const value = (rows[who.username] = await called(who)).price;
      return { done: value !== null, value };
    });
  }
  checkArithmetic(rows.alice, { input: '0.333333333', output: '0.777777777' });
  checkArithmetic(rows.bob, { input: '1', output: '4' });
  checkArithmetic(rows.carol, { input: '2', output: '8' });
  assert.equal(rows.bob.upstream_cost, undefined);
});

test('a new version is in force for the next call, and the last one keeps its own', async () => {
  const before = await called(carol);
  const set = await price('', '3', '9.5');
  const after = await until('the version', async () => {
    const value = await called(carol);
    return { done: value.price_id === set.id, value };
  });
  checkArithmetic(after, { input: '3', output: '9.5' });
  const again = (await carol.get(`/api/usage/${before.id}`)).body;
  checkArithmetic(again, { input: '2', output: '8' });
  assert.notEqual(again.price_id, after.price_id);
  const versions = await administer('GET', 'models?versions=all&model=mock-c5');
  assert.equal(versions.data.length, 4);
  assert.equal((await administer('GET', 'models')).data.length, 3);
});

test('a price that is withdrawn no longer holds', async () => {
  const { data } = await administer('GET', 'models');
  const own = data.find(({ scope }) => scope === 'user:alice');
  await administer('DELETE', `models/${own.id}`);
  const row = await until('the group\'s', async () => {
    const value = await called(alice);
    return { done: value.price?.scope === 'group:friends', value };
  });
  checkArithmetic(row, { input: '1', output: '4' });
  assert.equal((await admin(gateway, 'DELETE', `models/${own.id}`)).status, 404);
});

test('users see their own requests only', async () => {
  const theirs = (await bob.get('/api/usage')).body.data;
  assert.ok(theirs.length > 0);
  assert.ok(theirs.every(({ user }) => user === 'bob'));
  for (const route of [`/api/usage/${theirs[0].id}`, '/api/usage/nothing']) {
    assert.equal((await alice.get(route)).status, 404);
  }
  assert.equal((await alice.get(`/api/usage?cursor=${theirs[0].id}`)).status, 400);
  for (const query of ['user=bob', 'group_by=key&user=bob', 'group_by=user']) {
    assert.equal((await alice.get(`/api/usage/summary?${query}`)).status, 400);
  }
  assert.equal((await alice.get('/api/usage?user=bob')).status, 400);
  assert.equal((await alice.get('/api/admin/usage')).status, 403);
  assert.equal((await asked('GET', '/api/usage')).status, 401);
  const sums = (await alice.get('/api/usage/summary?group_by=key')).body;
  assert.deepEqual(sums.data.map(({ group }) => group), ['of-alice']);
});

test('pages and CSV hold every row once', async () => {
  const all = (await carol.get('/api/usage?limit=1000')).body.data;
  const paged = [];
  let cursor = '';
  do {
    const page = (await carol.get(`/api/usage?limit=1&cursor=${cursor}`)).body;
    paged.push(...page.data);
    cursor = page.next_cursor;
  } while (cursor);
  assert.deepEqual(paged, all);
  const csv = await carol.get('/api/usage?format=csv&limit=2');
  assert.match(csv.headers.get('content-type'), /^text\/csv/);
  assert.equal(csv.headers.get('x-next-cursor'), all[1].id);
  const lines = csv.text.trimEnd().split('\r\n');
  assert.equal(lines.length, 3);
  assert.ok(lines[0].startsWith('id,at,request_id,key,'));
  assert.ok(lines[1].startsWith(`${all[0].id},`));
});

test('sums are those of the rows, by the day of the caller\'s zone', async () => {
  for (const tz of ['Pacific/Kiritimati', 'Pacific/Pago_Pago', 'Asia/Kathmandu', 'UTC']) {
    const day = (at) => new Intl.DateTimeFormat('sv-SE', { timeZone: tz }).format(new Date(at));
    const rows = (await carol.get('/api/usage?limit=1000')).body.data;
    const expected = {};
    for (const row of rows) {
      expected[day(row.at)] = (expected[day(row.at)] ?? 0n) + BigInt(nanos(row.cost));
    }
    const sums = (await carol.get(`/api/usage/summary?group_by=day&tz=${tz}`)).body;
    const told = Object.fromEntries(sums.data.map((sum) => [sum.group, BigInt(nanos(sum.cost))]));
    assert.deepEqual(told, expected, tz);
    const first = Object.keys(expected)[0];
    const since = (await carol.get(`/api/usage?from=${first}&tz=${tz}&limit=1000`)).body.data;
    assert.equal(since.length, rows.filter(({ at }) => day(at) >= first).length);
  }
  assert.equal((await carol.get('/api/usage/summary?group_by=day&tz=../../etc/passwd')).status, 400);
});

test('the margin is what was charged less what the provider charges', async () => {
  await price('upstream:oa', '0.5', '1.5');
  const before = await administer('GET', 'reports/margin?user=bob');
  const row = await until('the upstream\'s price', async () => {
    const { id } = await called(bob);
    const value = await administer('GET', `usage/${id}`);
    return { done: value.upstream_cost !== '0', value };
  });
  const upstream =
    BigInt(row.input_tokens) * 500_000_000n + BigInt(row.output_tokens) * 1_500_000_000n;
  assert.equal(BigInt(nanos(row.upstream_cost)), (upstream + 500_000n) / 1_000_000n);
  const { data } = await administer('GET', 'reports/margin?user=bob');
  assert.equal(data.length, 1);
  assert.equal(data[0].provider, 'oa');
  assert.equal(data[0].model, 'mock-c5');
  assert.equal(nanos(data[0].margin), nanos(data[0].charged) - nanos(data[0].upstream_cost));
  assert.ok(nanos(data[0].upstream_cost) >= nanos(row.upstream_cost));
  assert.equal(before.data[0].upstream_cost, '0');
});

test('a draft tells what past usage would have cost, and changes nothing', async () => {
  const rows = (await administer('GET', 'usage?limit=1000')).data;
  const draft = await administer('POST', 'models/preview', {
    prices: [
      { model: 'mock-c5', input: '10', output: '20.000000001' },
      { model: 'mock-c5', scope: 'group:friends', input: '1', output: '4' },
    ],
  });
  let expected = 0n;
  for (const row of rows) {
    const [input, output] = ['alice', 'bob'].includes(row.user)
      ? [1_000_000_000n, 4_000_000_000n]
      : [10_000_000_000n, 20_000_000_001n];
    const sum = BigInt(row.input_tokens) * input + BigInt(row.output_tokens) * output;
    expected += (sum + 500_000n) / 1_000_000n;
  }
  const charged = rows.reduce((sum, row) => sum + BigInt(nanos(row.cost)), 0n);
  assert.equal(BigInt(nanos(draft.total.draft)), expected);
  assert.equal(BigInt(nanos(draft.total.charged)), charged);
  assert.equal(draft.total.requests, rows.length);
  assert.equal((await administer('GET', 'models')).data.length, 3);
});

test('what is wrong with a price is said', async () => {
  for (const [body, field] of [
    [{ model: 'm', input: '1' }, 'output'],
    [{ model: 'm', input: '-1', output: '1' }, 'input'],
    [{ model: 'm', input: '1', output: '1', scope: 'team:x' }, 'scope'],
    [{ model: 'm', input: '1', output: '1', id: 5 }, 'id'],
    [{ input: '1', output: '1' }, 'model'],
  ]) {
    const answer = await admin(gateway, 'POST', 'models', body);
    assert.equal(answer.status, 400);
    assert.equal((await answer.json()).error.field, field);
  }
  assert.equal((await alice.get('/api/admin/models')).status, 403);
  const own = await asked('POST', '/api/admin/models', { model: 'm', input: '0', output: '0' }, bob.token);
  assert.equal(own.status, 403);
});

test('a shell does the same', async () => {
  await here.text('price', 'set', 'other', '1.5', '2.5', '--for', 'user:carol');
  const list = await here.json('price', 'list', '--model', 'other');
  assert.equal(list.data[0].scope, 'user:carol');
  assert.equal(list.data[0].cache_read, '1.5');
  await here.text('price', 'delete', String(list.data[0].id));
  assert.match((await here.text('price', 'list')).stdout, /group:friends/);
  const summary = await here.json('usage', 'summary', 'user,model', '--tz', 'Europe/Berlin');
  assert.deepEqual(summary.data.map(({ user }) => user), ['alice', 'bob', 'carol']);
  const rows = (await here.json('usage', 'list', '--user', 'bob')).data;
  assert.ok(rows.length > 0 && rows.every(({ user }) => user === 'bob'));
  const csv = (await here.text('usage', 'export', '--user', 'bob')).stdout;
  assert.equal(csv.trimEnd().split('\r\n').length, rows.length + 1);
});
