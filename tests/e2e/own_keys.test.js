// Keys that users make themselves: their limits in money, who may touch them, and how soon a
// change is in force.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { kinds, placeFor, servers, startServer } from '../harness/databases.mjs';
import { configFor, startGateway } from '../harness/gateway.mjs';
import { startMock } from '../harness/mock.mjs';
import { until } from '../harness/until.mjs';

const kPassword = 'correct horse battery';

// 1 USD a million tokens, either way.
const kModels = ['mock-c4-i0', 'mock-c2000-i0'].map((name) => ({
  name,
  input: '1',
  output: '1',
}));

for (const kind of servers) await startServer(kind);

async function gatewayFor(changes = {}, options) {
  const upstream = await startMock();
  return startGateway(configFor(upstream.url, { models: kModels, ...changes }), options);
}

async function call(gateway, method, route, { token, body, headers = {} } = {}) {
  const answer = await fetch(gateway.url + route, {
    method,
    headers: { ...(token ? { authorization: `Bearer ${token}` } : {}), ...headers },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await answer.text();
  return {
    status: answer.status,
    etag: answer.headers.get('etag'),
    headers: answer.headers,
    text,
    json: text.startsWith('{') ? JSON.parse(text) : undefined,
  };
}

async function user(gateway, username) {
  const body = { username, email: `${username}@example.com`, password: kPassword };
  const made = await call(gateway, 'POST', '/api/auth/register', { body });
  assert.equal(made.status, 201, made.text);
  return { id: made.json.user.id, username, token: await login(gateway, username) };
}

async function login(gateway, username) {
  const answer = await call(gateway, 'POST', '/api/auth/login', {
    body: { username, password: kPassword },
  });
  assert.equal(answer.status, 200, answer.text);
  return answer.json.token;
}

/// An administrator, and two users with 1 USD each.
async function people(gateway) {
  const root = await user(gateway, 'root');
  const [alice, bob] = [await user(gateway, 'alice'), await user(gateway, 'bob')];
  for (const name of ['alice', 'bob']) {
    const paid = await call(gateway, 'POST', `/api/admin/users/${name}/wallet/top-up`, {
      token: root.token,
      body: { amount: '1', idempotency_key: `first-${name}` },
    });
    assert.equal(paid.status, 201, paid.text);
  }
  return { root, alice, bob };
}

async function makeKey(gateway, who, body) {
  const made = await call(gateway, 'POST', '/api/keys', { token: who.token, body });
  assert.equal(made.status, 201, made.text);
  return { ...made.json, etag: made.etag };
}

/// What a chat with this key ends with.
const chat = (gateway, key, { model = 'mock-c4-i0', headers, ...more } = {}) =>
  call(gateway, 'POST', '/v1/chat/completions', {
    token: key,
    headers,
    body: { model, messages: [{ role: 'user', content: 'hello' }], ...more },
  });

test('a key is made, used, changed and deleted by its owner, who pays', async () => {
  const gateway = await gatewayFor();
  const { root, alice } = await people(gateway);
  const key = await makeKey(gateway, alice, {
    name: 'laptop',
    rpm: 1000,
    budgets: { day: '0.5', month: '2' },
    models: ['mock-*'],
  });
  assert.match(key.key, /^sk-[0-9A-Za-z]{48}$/);
  assert.equal(key.prefix, key.key.slice(0, 6));
  assert.deepEqual(key.budgets, { day: '0.5', week: null, month: '2' });

  assert.equal((await chat(gateway, key.key)).status, 200);
  const shown = await until('what was spent is in the books', async () => {
    const answer = await call(gateway, 'GET', `/api/keys/${key.id}`, { token: alice.token });
    return { done: answer.json.used_usd !== '0', value: answer };
  });
  assert.equal(shown.text.includes(key.key), false);
  assert.equal(shown.json.spent.day, shown.json.used_usd);
  const wallet = await call(gateway, 'GET', '/api/admin/users/alice/wallet', { token: root.token });
  assert.equal(Number(wallet.json.balance) + Number(shown.json.used_usd), 1);

  const change = (body, etag) =>
    call(gateway, 'PATCH', `/api/keys/${key.id}`, {
      token: alice.token,
      body,
      headers: etag ? { 'if-match': etag } : {},
    });
  assert.equal((await change({ enabled: false })).status, 412);
  const off = await change({ enabled: false }, shown.etag);
  assert.equal(off.status, 200, off.text);
  assert.equal((await chat(gateway, key.key)).status, 401);
  assert.equal((await change({ enabled: true }, shown.etag)).status, 412);
  assert.equal((await change({ enabled: true, name: 'phone' }, off.etag)).json.name, 'phone');
  assert.equal((await chat(gateway, key.key)).status, 200);

  const list = await call(gateway, 'GET', '/api/user/api-keys', { token: alice.token });
  assert.deepEqual(
    list.json.data.map((each) => each.name),
    ['phone'],
  );
  const gone = await call(gateway, 'DELETE', `/api/keys/${key.id}`, { token: alice.token });
  assert.equal(gone.status, 200);
  assert.equal((await chat(gateway, key.key)).status, 401);
  const none = await call(gateway, 'GET', `/api/keys/${key.id}`, { token: alice.token });
  assert.equal(none.status, 404);
});

test('lists come in pages, and administrators see whose keys they are', async () => {
  const gateway = await gatewayFor();
  const { root, alice, bob } = await people(gateway);
  for (let i = 0; i < 5; i++) await makeKey(gateway, alice, { name: `k${i}` });
  await makeKey(gateway, bob, { name: 'k0' });
  const names = [];
  let cursor = '';
  do {
    const page = await call(gateway, 'GET', `/api/keys?limit=2${cursor}`, { token: alice.token });
    names.push(...page.json.data.map((each) => each.name));
    cursor = page.json.next_cursor && `&cursor=${page.json.next_cursor}`;
  } while (cursor);
  assert.deepEqual(names, ['k0', 'k1', 'k2', 'k3', 'k4']);
  const of = await call(gateway, 'GET', '/api/admin/keys?user=bob', { token: root.token });
  assert.deepEqual(
    of.json.data.map((each) => [each.user, each.name]),
    [['bob', 'k0']],
  );
});

test('another user’s key is not there, on any route', async () => {
  const gateway = await gatewayFor();
  const { alice, bob } = await people(gateway);
  const key = await makeKey(gateway, alice, { name: 'laptop' });
  for (const root of ['/api/keys', '/api/user/api-keys']) {
    for (const [method, route, body] of [
      ['GET', `${root}/${key.id}`],
      ['PATCH', `${root}/${key.id}`, { enabled: false }],
      ['DELETE', `${root}/${key.id}`],
      ['POST', `${root}/${key.id}/rotate`, {}],
    ]) {
      const refused = await call(gateway, method, route, {
        token: bob.token,
        body,
        headers: { 'if-match': '*' },
      });
      assert.equal(refused.status, 404, `${method} ${route}`);
      const nobody = await call(gateway, method, route, { body });
      assert.equal(nobody.status, 401, `${method} ${route}`);
    }
    const list = await call(gateway, 'GET', root, { token: bob.token });
    assert.deepEqual(list.json.data, []);
  }
  // Nor by naming it on an inference route.
  const named = { headers: { 'x-sluice-key-id': String(key.id) } };
  assert.equal((await chat(gateway, bob.token, named)).status, 401);
  assert.equal((await chat(gateway, key.key)).status, 200);
});

test('nothing can be set that is not for users to set', async () => {
  const gateway = await gatewayFor();
  const { alice } = await people(gateway);
  const key = await makeKey(gateway, alice, { name: 'laptop' });
  for (const field of ['user', 'user_id', 'used_tokens', 'used_usd', 'configured', 'key', 'id']) {
    const body = { name: `with ${field}`, [field]: 1 };
    const made = await call(gateway, 'POST', '/api/keys', { token: alice.token, body });
    assert.equal(made.status, 400, field);
    const changed = await call(gateway, 'PATCH', `/api/keys/${key.id}`, {
      token: alice.token,
      body: { [field]: 1 },
      headers: { 'if-match': '*' },
    });
    assert.equal(changed.status, 400, field);
  }
  for (const body of [
    { name: 'x', quota_usd: '-1' },
    { name: 'x', budgets: { day: '-0.1' } },
    { name: 'x', budgets: { year: '1' } },
    { name: 'x', budgets: [] },
    { name: 'x', mode: 'odd' },
    { name: 'laptop' },
  ]) {
    const refused = await call(gateway, 'POST', '/api/keys', { token: alice.token, body });
    assert.ok([400, 409].includes(refused.status), JSON.stringify(body));
  }
});

test('SQL in texts stays text', async () => {
  const gateway = await gatewayFor();
  const { alice } = await people(gateway);
  const evil = `'); DROP TABLE api_keys; --`;
  const key = await makeKey(gateway, alice, { name: evil, models: [evil] });
  assert.equal(key.name, evil);
  assert.deepEqual(key.models, [evil]);
  for (const path of [`1 OR 1=1`, `1'--`, `${key.id};DROP TABLE users`]) {
    const answer = await call(gateway, 'GET', `/api/keys/${encodeURIComponent(path)}`, {
      token: alice.token,
    });
    assert.equal(answer.status, 404);
  }
  const cursor = await call(gateway, 'GET', `/api/keys?cursor=${encodeURIComponent("0' OR 1=1")}`, {
    token: alice.token,
  });
  assert.equal(cursor.status, 400);
  const list = await call(gateway, 'GET', '/api/keys', { token: alice.token });
  assert.equal(list.json.data.length, 1);
});

for (const kind of kinds) {
  test(`on ${kind} a budget holds parallel calls, cuts a stream and survives a restart`, async () => {
    const place = await placeFor(kind);
    const gateway = await gatewayFor(place.changes, place);
    const { alice } = await people(gateway);
    // 300 tokens.
    const key = await makeKey(gateway, alice, { name: 'small', budgets: { week: '0.0003' } });
    const streams = await Promise.all(
      Array.from({ length: 20 }, () =>
        chat(gateway, key.key, { model: 'mock-c2000-i0', stream: true, max_tokens: 4000 }),
      ),
    );
    for (const each of streams) {
      assert.ok(each.status === 429 || each.text.includes('budget_exhausted'), each.text.slice(-300));
    }
    assert.ok(streams.some((each) => each.status === 200));
    const spent = await until('all is settled', async () => {
      const shown = await call(gateway, 'GET', `/api/keys/${key.id}`, { token: alice.token });
      const next = await chat(gateway, key.key, { max_tokens: 300 });
      const { week } = shown.json.spent;
      return { done: next.status === 429 && week !== '0', value: week };
    });
    assert.ok(Number(spent) <= 0.0003, spent);
    await gateway.stop();
    const again = await gatewayFor(place.changes, place);
    const kept = await call(again, 'GET', `/api/keys/${key.id}`, { token: alice.token });
    assert.equal(kept.json.spent.week, spent);
    assert.ok(Math.abs(Date.parse(kept.json.last_used_at) - Date.now()) < 60_000, kept.text);
    const refused = await chat(again, key.key, { max_tokens: 300, stream: true });
    assert.equal(refused.status, 429);
    assert.equal(refused.json.error.code, 'insufficient_quota');
    assert.equal(refused.headers.get('retry-after'), null);
    assert.equal(refused.headers.get('x-should-retry'), 'false');
  });
}

test('a rotated key gives way to its successor', async () => {
  const gateway = await gatewayFor();
  const { alice } = await people(gateway);
  const old = await makeKey(gateway, alice, { name: 'laptop', rpm: 77, models: ['mock-*'] });
  const rotate = (id, body) =>
    call(gateway, 'POST', `/api/keys/${id}/rotate`, { token: alice.token, body });
  assert.equal((await rotate(old.id, { overlap_seconds: 2_592_001 })).status, 400);
  const made = await rotate(old.id, {});
  assert.equal(made.status, 201, made.text);
  assert.equal(made.json.rpm, 77);
  assert.equal(made.json.name, 'laptop');
  assert.equal(made.json.replaces, old.id);
  assert.notEqual(made.json.key, old.key);
  assert.equal((await chat(gateway, old.key)).status, 200);
  assert.equal((await chat(gateway, made.json.key)).status, 200);
  const shown = await call(gateway, 'GET', `/api/keys/${old.id}`, { token: alice.token });
  assert.ok(Date.parse(shown.json.expires_at) - Date.now() > 23 * 3600 * 1000);
  const next = await rotate(made.json.id, { overlap_seconds: 0 });
  assert.equal((await chat(gateway, made.json.key)).status, 401);
  assert.equal((await chat(gateway, next.json.key)).status, 200);
});

test('the keys of a disabled user stop, and work again after him', async () => {
  const gateway = await gatewayFor();
  const { root, alice, bob } = await people(gateway);
  const [hers, his] = [
    await makeKey(gateway, alice, { name: 'a' }),
    await makeKey(gateway, bob, { name: 'b' }),
  ];
  const disable = (disabled) =>
    call(gateway, 'PATCH', `/api/admin/users/${alice.id}`, {
      token: root.token,
      body: { disabled },
      headers: { 'if-match': '*' },
    });
  assert.equal((await disable(true)).status, 200);
  assert.equal((await chat(gateway, hers.key)).status, 401);
  assert.equal((await chat(gateway, his.key)).status, 200);
  assert.equal((await disable(false)).status, 200);
  assert.equal((await chat(gateway, hers.key)).status, 200);
});

test('who has logged in may name one of his keys', async () => {
  const gateway = await gatewayFor();
  const { alice } = await people(gateway);
  const key = await makeKey(gateway, alice, { name: 'console', models: ['mock-c4*'] });
  const named = { headers: { 'x-sluice-key-id': String(key.id) } };
  assert.equal((await chat(gateway, alice.token, named)).status, 200);
  assert.equal((await chat(gateway, alice.token, { ...named, model: 'gpt-4o' })).status, 403);
  assert.equal((await chat(gateway, alice.token)).status, 401);
  assert.equal((await chat(gateway, `${alice.token}x`, named)).status, 401);
  for (const id of ['0', '-1', 'x', '99999999999999999999']) {
    const odd = { headers: { 'x-sluice-key-id': id } };
    assert.equal((await chat(gateway, alice.token, odd)).status, 401);
  }
  const models = await call(gateway, 'GET', '/v1/models', { token: alice.token, ...named });
  assert.equal(models.status, 200);
});
